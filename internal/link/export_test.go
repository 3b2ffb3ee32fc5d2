package link

// NewDialError describes an error that no test can make happen.
func NewDialError(t Target, err error) *DialError { return newDialError(t, err) }
