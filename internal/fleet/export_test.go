package fleet

import "io"

// ReadRecordFrom is readRecord.
func ReadRecordFrom(r io.Reader) (RecordHead, []string, error) { return readRecord(r) }
