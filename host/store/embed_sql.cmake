# Writes OUTPUT, a C++ file with every SQL file of DIRECTORY: std::string_view role_sql(std::string_view name).
file(GLOB files ${DIRECTORY}/*.sql)
list(SORT files)
set(code "#include <stdexcept>\n#include <string>\n#include <string_view>\n\nnamespace payoutd::store {\n\n"
  "std::string_view role_sql(std::string_view name);\n\nstd::string_view role_sql(std::string_view name) {\n")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  string(REGEX REPLACE "\\\\x0a" "\\\\n\"\n        \"" bytes "${bytes}")
  string(APPEND code "  if (name == \"${name}\")\n    return\n        \"${bytes}\";\n")
endforeach()
string(APPEND code "  throw std::logic_error(\"no such SQL: \" + std::string(name));\n}\n\n}  // namespace payoutd::store\n")
file(WRITE ${OUTPUT} "${code}")
