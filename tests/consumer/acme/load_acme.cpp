#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <payoutd/plugin.hpp>
#include <payoutd/testing.hpp>

namespace {

int fail(const char* what) {
  std::fprintf(stderr, "load_acme: %s\n", what);
  return 1;
}

int check(const payoutd::PluginDescriptor& acme) {
  if (acme.struct_size != sizeof acme) return fail("another struct size");
  if (std::strcmp(acme.abi_tag, payoutd::kAbiTag) != 0) return fail(acme.abi_tag);
  if (std::strcmp(acme.name, "acme") != 0 || std::strcmp(acme.version, "1.2.3") != 0)
    return fail("another name or version");
  std::vector<payoutd::Problem> problems;
  const auto settings = payoutd::Settings::check(acme.settings_schema(),
                                                 {{"base_url", "https://acme.example"}, {"account", "7"}},
                                                 {{"api_key", {"k"}}}, problems);
  if (!problems.empty()) return fail(problems.front().reason.c_str());
  if (!payoutd::validate(acme.contract(settings)).empty()) return fail("the contract contradicts itself");

  payoutd::testing::Bench bench;
  bench.http->fail(payoutd::HttpStage::connect, false);
  const auto provider = acme.create(bench.services(), settings);
  payoutd::Order order;
  order.money = payoutd::parse_money("100", "XOF").value();
  try {
    bench.run(provider->submit(order, {}));
  } catch (const payoutd::HttpFailure& failure) {  // caught by type: one SDK, one type, on both sides
    return failure.bytes_left() ? fail("bytes left") : 0;
  }
  return fail("the failure did not arrive");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fail("name the library");
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(dlerror());
  const auto* descriptor =
      static_cast<const payoutd::PluginDescriptor*>(dlsym(library, "payoutd_plugin_descriptor"));
  return descriptor == nullptr ? fail("no descriptor") : check(*descriptor);
}
