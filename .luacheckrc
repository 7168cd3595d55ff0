-- luacheck knows nothing of the sandbox that runs scripts/: this says what is there (docs/lua-guide.md). Try with:
-- luacheck scripts
stds.payoutd = {
  read_globals = {
    "assert",
    "contains",
    "ends_with",
    "error",
    "ipairs",
    "lib",
    "matches",
    "money",
    "pairs",
    "select",
    "starts_with",
    "tonumber",
    "tostring",
    "type",
    math = {
      fields = {
        "abs",
        "acos",
        "asin",
        "atan",
        "ceil",
        "cos",
        "deg",
        "exp",
        "floor",
        "fmod",
        "huge",
        "log",
        "max",
        "maxinteger",
        "min",
        "mininteger",
        "modf",
        "pi",
        "rad",
        "sin",
        "sqrt",
        "tan",
        "tointeger",
        "type",
        "ult",
      },
    },
    string = { fields = { "byte", "char", "format", "len", "lower", "rep", "reverse", "sub", "upper" } },
    table = { fields = { "concat", "insert", "remove", "sort", "unpack" } },
  },
}

std = "payoutd"
max_line_length = 120
