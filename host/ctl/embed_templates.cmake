# Writes OUTPUT, a C++ file with the function FUNCTION, which HEADER declares, that gives every file of DIRECTORY as text.
file(GLOB_RECURSE files RELATIVE ${DIRECTORY} ${DIRECTORY}/*)
list(SORT files)
set(code "#include \"${HEADER}\"\n\nnamespace payoutd::ctl {\n\n"
  "std::span<const TemplateFile> ${FUNCTION}() {\n  static constexpr TemplateFile kFiles[] = {\n")
foreach(file IN LISTS files)
  file(READ ${DIRECTORY}/${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${hex}")
  string(REGEX REPLACE "\\\\x0a" "\\\\n\"\n       \"" bytes "${bytes}")
  string(APPEND code "      {\"${file}\",\n       \"${bytes}\"},\n")
endforeach()
string(APPEND code "  };\n  return kFiles;\n}\n\n}  // namespace payoutd::ctl\n")
file(WRITE ${OUTPUT} "${code}")
