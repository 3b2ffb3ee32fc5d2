// Package words is about single words and lines of text for people: how close two words are, and how hostile text is
// shown on one line.
package words

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is the longest word that is compared. Longer ones are far from all.
const longest = 30

// Distance is how many letters to add, drop or replace to come from one word to the other: the Levenshtein distance. It
// is at least 30 for a word of more than 30 letters.
func Distance(word, other string) int {
	a, b := []rune(word), []rune(other)
	if len(a) > longest || len(b) > longest {
		return longest
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// Fold is a word in small letters without spaces, dashes and underscores: API_KEY and apiKey are one.
func Fold(word string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(word))
}

// Printable is text on one line with what a terminal would act on, or XML cannot hold, as an escape: \n, \x1b, \u202e.
func Printable(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}
