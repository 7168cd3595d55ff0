# A page of the manual from a program's --help. PROGRAM, VERSION, OUTPUT.
execute_process(COMMAND ${PROGRAM} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
get_filename_component(name ${PROGRAM} NAME)
string(TOUPPER ${name} title)
string(REPLACE "\\" "\\e" help "${help}")
string(REPLACE "-" "\\-" help "${help}")
string(REGEX REPLACE "\n([.'])" "\n\\\\&\\1" help "${help}")
string(REPLACE "-" "\\-" escaped_name ${name})
file(WRITE ${OUTPUT} ".TH ${title} 1 \"\" \"payoutd ${VERSION}\" \"payoutd\"
.SH NAME
${escaped_name} \\- payment providers on loopback, for tests
.SH DESCRIPTION
.nf
${help}.fi
.SH SEE ALSO
payoutd(8), payoutctl(1)
")
