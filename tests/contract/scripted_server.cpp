#include "scripted_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace contract_tests {

bool Connection::read_more() {
  char piece[4096];
  const auto n = tls_ != nullptr ? SSL_read(tls_, piece, sizeof piece)
                                 : static_cast<int>(::recv(fd_, piece, sizeof piece, 0));
  if (n <= 0) return false;
  buffer_.append(piece, static_cast<std::size_t>(n));
  return true;
}

std::optional<std::string> Connection::read_request() {
  std::size_t head = 0;
  while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!read_more()) return std::nullopt;
  }
  head += 4;
  std::size_t length = 0;
  if (const auto at = buffer_.find("Content-Length: "); at < head)
    length = std::stoul(buffer_.substr(at + 16));
  while (buffer_.size() < head + length) {
    if (!read_more()) return std::nullopt;
  }
  std::string request = buffer_.substr(0, head + length);
  buffer_.erase(0, head + length);
  return request;
}

void Connection::send(const std::string& bytes) {
  if (tls_ != nullptr) {
    SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
  } else {
    static_cast<void>(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
}

void Connection::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Connection::relay_to(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(other, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    pollfd both[2] = {{fd_, POLLIN, 0}, {other, POLLIN, 0}};
    for (bool open = true; open && ::poll(both, 2, 10'000) > 0;) {
      for (int i = 0; i < 2 && open; ++i) {
        if (both[i].revents == 0) continue;
        char piece[4096];
        const auto n = ::recv(both[i].fd, piece, sizeof piece, 0);
        open = n > 0 && ::send(both[1 - i].fd, piece, static_cast<std::size_t>(n), MSG_NOSIGNAL) == n;
      }
    }
  }
  ::close(other);
}

ScriptedServer::ScriptedServer(Script script, const std::string& certificate_file,
                               const std::string& key_file)
    : script_(std::move(script)) {
  if (!certificate_file.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(tls_, certificate_file.c_str());
    SSL_CTX_use_PrivateKey_file(tls_, key_file.c_str(), SSL_FILETYPE_PEM);
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 128) != 0) {
    throw std::runtime_error("the scripted server cannot listen");
  }
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0 || stopping_) {
        if (fd >= 0) ::close(fd);
        return;
      }
      ++connections_;
      const std::scoped_lock lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  });
}

void ScriptedServer::serve(int fd) {
  SSL* tls = tls_ != nullptr ? SSL_new(tls_) : nullptr;
  if (tls != nullptr) SSL_set_fd(tls, fd);
  if (tls == nullptr || SSL_accept(tls) == 1) {
    Connection connection(fd, tls);
    script_(connection);
  }
  SSL_free(tls);
  const std::scoped_lock lock(mutex_);
  open_.remove(fd);
  ::close(fd);
}

ScriptedServer::~ScriptedServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::scoped_lock lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
  SSL_CTX_free(tls_);
}

std::string ScriptedServer::url() const {
  return std::string(tls_ != nullptr ? "https" : "http") + "://127.0.0.1:" + std::to_string(port_);
}

ScriptedServer::Script answering(std::function<std::string(const std::string&)> answer,
                                 std::atomic<int>* seen) {
  return [answer = std::move(answer), seen](Connection& connection) {
    while (const auto request = connection.read_request()) {
      if (seen != nullptr) ++*seen;
      connection.send(answer(*request));
    }
  };
}

std::string http_answer(int status, const std::string& body, const std::string& more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n" + more_headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TestCertificate::TestCertificate(const char* alternative_names) {
  char name[] = "/tmp/payoutd-certificate-XXXXXX";
  directory = ::mkdtemp(name);
  certificate_file = directory + "/certificate.pem";
  key_file = directory + "/key.pem";
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate, subject);
  X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative_names);
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  FILE* out = std::fopen(certificate_file.c_str(), "w");
  PEM_write_X509(out, certificate);
  std::fclose(out);
  out = std::fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TestCertificate::~TestCertificate() {
  std::filesystem::remove_all(directory);
}

}  // namespace contract_tests
