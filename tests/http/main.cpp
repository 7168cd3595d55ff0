#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

#include "openapi/api_contract.hpp"

CATCH_TRANSLATE_EXCEPTION(const payoutd::test::ContractBroken& broken) {
  return broken.what;
}
