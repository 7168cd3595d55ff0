# Debian 12's packages. Boost is 1.81 exactly: plugins carry its version in their ABI tag.
find_package(Boost 1.81.0 EXACT CONFIG REQUIRED COMPONENTS json url filesystem)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(pugixml REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PQXX REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium>=1.0.18)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(LUA REQUIRED IMPORTED_TARGET lua5.4-c++)  # the C++ build: errors unwind as exceptions
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
# RE2 asks for -pthread, which glibc no longer needs and which would not match the precompiled header.
set_property(TARGET PkgConfig::RE2 PROPERTY INTERFACE_COMPILE_OPTIONS "")
