#include "engine/http/certificate.hpp"

#include <gmock/gmock.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/support/certificates.hpp"

namespace scanflow::http {
namespace {

using test::issue;
using test::kDay_s;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CertificateTest : public testing::Test {
 protected:
  std::string problem() const {
    const auto loaded = load_certificate(at_.files, std::time(nullptr));
    return loaded ? "" : loaded.error().message;
  }

  test::TempDir directory_;
  test::IssuedFiles at_{directory_.path()};
};

TEST_F(CertificateTest, WhatItIsForAndHowLongIsKnown) {
  at_.write(issue(-kDay_s, kDay_s, {"localhost", "web.shop.svc"}));
  const auto loaded = load_certificate(at_.files, std::time(nullptr));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_THAT(loaded->names, ElementsAre("localhost", "web.shop.svc"));
  EXPECT_NEAR(static_cast<double>(loaded->not_after_s),
              static_cast<double>(std::time(nullptr) + kDay_s), 10);
}

TEST_F(CertificateTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(problem(), AllOf(HasSubstr("cannot read the certificate"), HasSubstr("tls.crt"),
                               HasSubstr("No such file")));
  test::write(at_.files.chain, issue().certificate);
  EXPECT_THAT(problem(), AllOf(HasSubstr("cannot read the key"), HasSubstr("tls.key"),
                               HasSubstr("No such file")));
}

TEST_F(CertificateTest, WhatIsNoPemIsSaid) {
  at_.write(issue());
  test::write(at_.files.chain, "hello\n");
  EXPECT_THAT(problem(), AllOf(HasSubstr("tls.crt"), HasSubstr("holds no certificate"),
                               HasSubstr("BEGIN CERTIFICATE")));
  std::string broken = issue().certificate;
  broken.replace(broken.size() / 2, 4, "!!!!");
  test::write(at_.files.chain, broken);
  EXPECT_THAT(problem(), HasSubstr("malformed certificate"));
  at_.write(issue());
  test::write(at_.files.key, "hello\n");
  EXPECT_THAT(problem(), AllOf(HasSubstr("tls.key"), HasSubstr("holds no private key")));
}

TEST_F(CertificateTest, AKeyOfAnotherCertificateIsRefused) {
  at_.write(issue());
  test::write(at_.files.key, issue().key);
  EXPECT_THAT(problem(), AllOf(HasSubstr("tls.key is not that of"), HasSubstr("tls.crt")));
}

TEST_F(CertificateTest, APasswordIsNotAskedForAtATerminal) {
  at_.write(issue());
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  std::FILE* file = std::fopen(at_.files.key.c_str(), "w");
  ASSERT_EQ(
      PEM_write_PKCS8PrivateKey(file, key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr),
      1);
  std::fclose(file);
  EXPECT_THAT(problem(), AllOf(HasSubstr("has a password"), HasSubstr("openssl pkey")));
}

TEST_F(CertificateTest, OneThatIsNotValidNowIsRefused) {
  at_.write(issue(-2 * kDay_s, -kDay_s));
  EXPECT_THAT(problem(), AllOf(HasSubstr("expired on"), HasSubstr("renew it")));
  at_.write(issue(kDay_s, 2 * kDay_s));
  EXPECT_THAT(problem(), AllOf(HasSubstr("is valid from"), HasSubstr("set the clock")));
}

/// One that is used while its files change, at a time that is set by hand.
class RenewalTest : public CertificateTest {
 protected:
  void open() {
    auto opened = Certificate::open(
        at_.files,
        {[this] { return now_s_; }, [this](const std::string& line) { log_.push_back(line); }});
    ASSERT_TRUE(opened) << opened.error().message;
    certificate_ = *opened;
  }
  std::vector<std::string> names() { return certificate_->current().names; }

  std::int64_t now_s_ = std::time(nullptr);
  std::vector<std::string> log_;
  std::shared_ptr<Certificate> certificate_;
};

TEST_F(RenewalTest, ANewOneIsUsedFromTheNextConnectionOn) {
  at_.write(issue());
  open();
  EXPECT_THAT(names(), ElementsAre("localhost"));
  EXPECT_THAT(log_, IsEmpty());
  at_.write(issue(-kDay_s, 60 * kDay_s, {"new.local"}));
  EXPECT_THAT(names(), ElementsAre("new.local"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("was read again: valid until")));
  EXPECT_THAT(names(), ElementsAre("new.local"));
  EXPECT_EQ(log_.size(), 1U);
}

TEST_F(RenewalTest, ALinkThatLeadsElsewhereIsAChange) {  // as Kubernetes renews a mounted Secret
  test::IssuedFiles(directory_ / "one").write(issue(-kDay_s, 30 * kDay_s, {"one.local"}));
  test::IssuedFiles(directory_ / "two").write(issue(-kDay_s, 30 * kDay_s, {"two.local"}));
  std::filesystem::create_directory_symlink("one", directory_ / "..data");
  std::filesystem::create_symlink("..data/tls.crt", at_.files.chain);
  std::filesystem::create_symlink("..data/tls.key", at_.files.key);
  open();
  EXPECT_THAT(names(), ElementsAre("one.local"));
  std::filesystem::create_directory_symlink("two", directory_ / "..next");
  std::filesystem::rename(directory_ / "..next", directory_ / "..data");
  EXPECT_THAT(names(), ElementsAre("two.local"));
}

TEST_F(RenewalTest, WhatIsHalfWrittenWaitsForTheOtherHalf) {
  at_.write(issue());
  open();
  const Issued next = issue(-kDay_s, 30 * kDay_s, {"next.local"});
  test::write(at_.files.chain, next.certificate);
  EXPECT_THAT(names(), ElementsAre("localhost"));
  EXPECT_THAT(names(), ElementsAre("localhost"));
  EXPECT_THAT(log_, ElementsAre(AllOf(HasSubstr("is not that of"), HasSubstr("the one before"))));
  test::write(at_.files.key, next.key);
  EXPECT_THAT(names(), ElementsAre("next.local"));
}

TEST_F(RenewalTest, AnExpiredOneDoesNotReplaceOneThatIsValid) {
  at_.write(issue());
  open();
  at_.write(issue(-3 * kDay_s, -kDay_s, {"old.local"}));
  EXPECT_THAT(names(), ElementsAre("localhost"));
  EXPECT_THAT(log_, ElementsAre(HasSubstr("expired on")));
}

TEST_F(RenewalTest, ItsEndIsWarnedOfOnceAWeekAhead) {
  at_.write(issue(-kDay_s, 30 * kDay_s));
  open();
  now_s_ += 22 * kDay_s;
  names();
  EXPECT_THAT(log_, IsEmpty());
  now_s_ += 2 * kDay_s;
  names();
  names();
  EXPECT_THAT(log_,
              ElementsAre(AllOf(HasSubstr("warning: the certificate"), HasSubstr("ends on"))));
}

TEST(Issue, WhatIsNoDnsNameIsRefused) {
  const auto issued = issue_certificate({{"not,a\nname"}, 0, 10});
  ASSERT_FALSE(issued);
  EXPECT_THAT(issued.error().message, HasSubstr("is no DNS name"));
}

}  // namespace
}  // namespace scanflow::http
