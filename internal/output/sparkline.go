package output

import "math"

// Sparkline draws the last numbers of a list as bars, one a cell, the newest on the right: the least is the lowest bar, the
// greatest the highest, and numbers that are all the same stand in the middle. What is no number leaves a gap.
func Sparkline(numbers []float64, width int) string {
	const bars = "▁▂▃▄▅▆▇█"
	levels := []rune(bars)
	numbers = numbers[max(0, len(numbers)-max(0, width)):]
	low, high := math.Inf(1), math.Inf(-1)
	for _, n := range numbers {
		if finite(n) {
			low, high = min(low, n), max(high, n)
		}
	}
	line := make([]rune, len(numbers))
	for i, n := range numbers {
		switch {
		case !finite(n):
			line[i] = ' '
		case high == low:
			line[i] = levels[len(levels)/2-1]
		default:
			part := (n/2 - low/2) / (high/2 - low/2) // halves: the range of float64 is no float64
			line[i] = levels[min(len(levels)-1, int(part*float64(len(levels))))]
		}
	}
	return string(line)
}

func finite(n float64) bool { return !math.IsNaN(n) && !math.IsInf(n, 0) }
