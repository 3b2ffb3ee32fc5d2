package output

// AppendSafeJSON makes a line of JSON harmless for a terminal.
func AppendSafeJSON(dst, line []byte) []byte { return appendSafeJSON(dst, line) }
