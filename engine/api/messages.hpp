// What is asked and answered over HTTP, by short names. Private to engine/api.
#pragma once

#include "engine/http/message.hpp"

namespace scanflow::api {

using http::refuse;
using http::Reply;
using http::Request;
using http::respond;
using http::Response;
using http::Stream;

}  // namespace scanflow::api
