// The SDK's fakes, used as an integrator uses them.
#include <cstdio>
#include <payoutd/testing.hpp>

int main() {
  payoutd::testing::Bench bench;
  bench.http->answer(204);
  const auto response = bench.run(bench.http->send(payoutd::HttpRequest::get("https://acme.example/ping")));
  if (response.status == 204 && bench.http->requests().size() == 1) return 0;
  std::fprintf(stderr, "acme_test: the fake did not answer as scripted\n");
  return 1;
}
