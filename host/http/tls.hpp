#pragma once
#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>

namespace payoutd::http {

/// What a listener shows and proves itself with: TLS 1.2 and above, without renegotiation and compression.
/// Throws ListenError with the file and the reason.
std::shared_ptr<boost::asio::ssl::context> load_tls(const std::filesystem::path& certificate,
                                                    const std::filesystem::path& key);

}  // namespace payoutd::http
