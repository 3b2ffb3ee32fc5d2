package dump

// Folding makes a Writer behave as on a file system that does not tell upper from lower case.
func Folding(w *Writer) { w.fold = true }

// PathOf is pathOf.
func PathOf(name string, fold bool) (path string, exact bool) { return pathOf(name, fold) }

// TopicOf is topicOf.
func TopicOf(path string) (string, bool) { return topicOf(path) }
