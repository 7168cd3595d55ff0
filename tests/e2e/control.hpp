#pragma once
#include <boost/json.hpp>
#include <string>

#include "harness/host_process.hpp"
#include "http/raw_client.hpp"

namespace payoutd::test {

/// One request over the host's control socket, as payoutctl makes it.
inline RawResponse control(HostProcess& host, const std::string& method, const std::string& target,
                           const boost::json::object& body = {}) {
  RawClient client = RawClient::unix_socket(host.control_socket().string());
  const std::string text = body.empty() ? std::string() : boost::json::serialize(body);
  client.send(body.empty() ? request(method, target)
                           : request(method, target, text, {{"Content-Type", "application/json"}}));
  return client.receive();
}

}  // namespace payoutd::test
