# Writes OUTPUT, a C++ file that holds the lines of the OpenAPI document FILE as text.
file(READ ${FILE} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
string(REGEX REPLACE "\\\\x0a" "\\\\n\",\n      \"" bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"http/openapi.hpp\"\n\nnamespace payoutd::http {\n\n"
  "std::span<const std::string_view> openapi_lines() {\n  static constexpr std::string_view kLines[] = {\n"
  "      \"${bytes}\"};\n  return kLines;\n}\n\n}  // namespace payoutd::http\n")
