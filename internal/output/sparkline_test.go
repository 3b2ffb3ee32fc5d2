package output_test

import (
	"math"
	"testing"

	"github.com/mqx-cli/mqx/internal/output"
)

func TestSparklineDrawsTheLastNumbersBetweenTheLeastAndTheGreatest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		numbers []float64
		width   int
		want    string
	}{
		{nil, 10, ""},
		{[]float64{5}, 10, "▄"},
		{[]float64{5, 5, 5}, 2, "▄▄"},
		{[]float64{0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█"},
		{[]float64{100, 0, 7}, 2, "▁█"},
		{[]float64{1, math.NaN(), 2, math.Inf(1)}, 9, "▁ █ "},
		{[]float64{-math.MaxFloat64, 0, math.MaxFloat64}, 9, "▁▅█"},
		{[]float64{1, 2}, 0, ""},
		{[]float64{1, 2}, -1, ""},
	} {
		if got := output.Sparkline(test.numbers, test.width); got != test.want {
			t.Errorf("Sparkline(%v, %d) is %q, want %q", test.numbers, test.width, got, test.want)
		}
	}
}
