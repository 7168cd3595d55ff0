// The precompiled header needs one translation unit that owns it.
