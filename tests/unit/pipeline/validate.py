"""Documents against a JSON Schema (draft 07): validate.py SCHEMA DOCUMENTS, both JSON files.

Prints a list with what is wrong with each document; "" where nothing is. Fails where the schema
itself is no valid one.
"""
import json
import sys

from jsonschema import Draft7Validator


def main(schema_file, documents_file):
    with open(schema_file, encoding="utf-8") as file:
        schema = json.load(file)
    Draft7Validator.check_schema(schema)
    validator = Draft7Validator(schema)
    with open(documents_file, encoding="utf-8") as file:
        documents = json.load(file)
    print(json.dumps([next((error.message for error in validator.iter_errors(document)), "")
                      for document in documents]))


main(*sys.argv[1:])
