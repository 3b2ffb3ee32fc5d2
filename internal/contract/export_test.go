package contract

// FileKeys are the keys of a contract file.
func FileKeys() []string { return fileKeys() }
