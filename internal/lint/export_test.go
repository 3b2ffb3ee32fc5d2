package lint

// CompareIncluded is for tests.
func CompareIncluded(a, b string) int { return compareIncluded(a, b) }
