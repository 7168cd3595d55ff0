#pragma once
#include <catch2/catch.hpp>

#include "harness/cluster.hpp"
#include "payoutctl.hpp"

namespace payoutd::test {

/// A database whose owner migrated it, and whose roles were set up.
struct Operated {
  Operated() {
    cluster.run("postgres", "create role payoutd_owner login password 'of the owner'");
    cluster.run("postgres", "create database paying owner payoutd_owner");
    const auto migrated = payoutctl({"migrate", "up", "--database", owner()});
    INFO(migrated.text());
    REQUIRE(migrated.status == 0);
    const auto applied = payoutctl({"db", "roles", "--apply", "--database", cluster.admin_dsn("paying")});
    INFO(applied.text());
    REQUIRE(applied.status == 0);
    cluster.run("postgres", "alter role payoutd_runtime password 'of the hosts'");
    cluster.run("postgres", "alter role payoutd_readonly password 'of the reports'");
  }
  std::string owner() const { return cluster.dsn("payoutd_owner", "of the owner", "paying"); }
  std::string runtime() const { return cluster.dsn("payoutd_runtime", "of the hosts", "paying"); }
  std::string read_only() const { return cluster.dsn("payoutd_readonly", "of the reports", "paying"); }

  Cluster cluster;
};

}  // namespace payoutd::test
