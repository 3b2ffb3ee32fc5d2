package output

import (
	"fmt"
	"strings"
	"time"
)

// isTimeVerb reports whether c is a conversion of strftime (C locale) that we know.
func isTimeVerb(c byte) bool {
	return strings.IndexByte("aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ", c) >= 0
}

// appendTimeVerb appends one conversion of strftime as the C locale has it, or the nanoseconds for N.
func appendTimeVerb(dst []byte, t time.Time, verb byte) []byte {
	if layout := timeLayout(verb); layout != "" {
		return t.AppendFormat(dst, layout)
	}
	year, week := t.ISOWeek()
	switch verb {
	case 'N':
		return fmt.Appendf(dst, "%09d", t.Nanosecond())
	case 'C':
		return fmt.Appendf(dst, "%02d", t.Year()/100)
	case 'g':
		return fmt.Appendf(dst, "%02d", year%100)
	case 'G':
		return fmt.Appendf(dst, "%d", year)
	case 'j':
		return fmt.Appendf(dst, "%03d", t.YearDay())
	case 'k':
		return fmt.Appendf(dst, "%2d", t.Hour())
	case 'l':
		return fmt.Appendf(dst, "%2d", (t.Hour()+11)%12+1)
	case 'n':
		return append(dst, '\n')
	case 't':
		return append(dst, '\t')
	case 's':
		return fmt.Appendf(dst, "%d", t.Unix())
	case 'u':
		return fmt.Appendf(dst, "%d", (int(t.Weekday())+6)%7+1)
	case 'w':
		return fmt.Appendf(dst, "%d", t.Weekday())
	case 'U':
		return fmt.Appendf(dst, "%02d", (t.YearDay()+6-int(t.Weekday()))/7)
	case 'W':
		return fmt.Appendf(dst, "%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7)
	default: // V, as isTimeVerb lets nothing else through
		return fmt.Appendf(dst, "%02d", week)
	}
}

// timeLayout is the layout of package time for a conversion, empty when there is none.
func timeLayout(verb byte) string {
	layouts := [...]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02", 'D': "01/02/06",
		'e': "_2", 'F': "2006-01-02", 'h': "Jan", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'P': "pm",
		'r': "03:04:05 PM", 'R': "15:04", 'S': "05", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006",
		'z': "-0700", 'Z': "MST",
	}
	if int(verb) < len(layouts) {
		return layouts[verb]
	}
	return ""
}

// appendISO appends the time of %I.
func appendISO(dst []byte, t time.Time) []byte {
	return t.AppendFormat(dst, "2006-01-02T15:04:05-0700")
}

// appendUnix appends the time of %U: seconds with nine decimals.
func appendUnix(dst []byte, t time.Time) []byte {
	return fmt.Appendf(dst, "%d.%09d", t.Unix(), t.Nanosecond())
}
