# Writes OUTPUT, a C++ file that holds every migration of DIRECTORY as text.
file(GLOB files ${DIRECTORY}/*.sql)
list(SORT files)
set(code "#include \"store/migrations.hpp\"\n\nnamespace payoutd::store {\n\n"
  "std::span<const Migration> embedded_migrations() {\n  static const std::vector<Migration> migrations = {\n")
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^[0-9][0-9][0-9][0-9]_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
  endif()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  # One literal a line of the source, so that compilers with short literals and readers of errors are happy.
  string(REGEX REPLACE "\\\\x0a" "\\\\n\"\n        \"" bytes "${bytes}")
  string(APPEND code "      make_migration(\"${name}\",\n        \"${bytes}\"),\n")
endforeach()
string(APPEND code "  };\n  return migrations;\n}\n\n}  // namespace payoutd::store\n")
file(WRITE ${OUTPUT} "${code}")
