#include "http/tls.hpp"

#include <openssl/ssl.h>

#include "http/server.hpp"

namespace payoutd::http {

namespace ssl = boost::asio::ssl;

std::shared_ptr<ssl::context> load_tls(const std::filesystem::path& certificate,
                                       const std::filesystem::path& key) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(),
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate.string(), error);
  if (error) {
    throw ListenError("http.tls.certificate: " + certificate.string() +
                      " cannot be used as a certificate chain (PEM): " + error.message());
  }
  context->use_private_key_file(key.string(), ssl::context::pem, error);
  if (error) {
    throw ListenError("http.tls.key: " + key.string() +
                      " cannot be used as the certificate's private key (PEM): " + error.message());
  }
  if (SSL_CTX_check_private_key(context->native_handle()) != 1)
    throw ListenError("http.tls.key: " + key.string() + " does not belong to the certificate");
  return context;
}

}  // namespace payoutd::http
