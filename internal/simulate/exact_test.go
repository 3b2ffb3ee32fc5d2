package simulate_test

import (
	"math"
	"testing"
	"time"

	"github.com/mqx-cli/mqx/internal/profile"
	"github.com/mqx-cli/mqx/internal/simulate"
)

func TestExactFunctionsAgreeWithPackageMath(t *testing.T) {
	t.Parallel()
	s := simulate.NewStream(1, "exact")
	const near = 4e-15
	for range 100_000 {
		x := s.Float()
		if got, want := simulate.CosTurns(x*20-10), math.Cos(2*math.Pi*(x*20-10)); math.Abs(got-want) > 4e-14 {
			t.Fatalf("cosine of %v turns: got %v, want %v", x*20-10, got, want)
		}
		if got, want := simulate.Decay(x*40), math.Exp(-x*40); math.Abs(got-want) > near*math.Max(want, 1e-300)*20 {
			t.Fatalf("e to the -%v: got %v, want %v", x*40, got, want)
		}
		y := x*math.Exp2(float64(int(x*100)-50)) + 1e-30
		if got, want := simulate.Logarithm(y), math.Log(y); math.Abs(got-want) > near*math.Max(1, math.Abs(want)) {
			t.Fatalf("logarithm of %v: got %v, want %v", y, got, want)
		}
	}
	if simulate.Decay(0) != 1 || simulate.CosTurns(0) != 1 || simulate.CosTurns(0.5) != -1 || simulate.Logarithm(1) != 0 || simulate.Decay(1e9) != 0 {
		t.Error("the corners are not exact")
	}
}

func TestStreamsHaveTheirDistributions(t *testing.T) {
	t.Parallel()
	const n = 200_000
	s := simulate.NewStream(7, "distribution")
	sum, squares, waited := 0.0, 0.0, time.Duration(0)
	weights := []profile.Choice{{Weight: 1}, {Weight: 3}}
	second := 0
	for range n {
		g := s.Gauss()
		sum, squares = sum+g, squares+g*g
		waited += s.Interval(profile.Interval{Mean: time.Minute})
		second += s.Choose(weights)
		if d := s.Interval(profile.Interval{Min: time.Second, Max: 3 * time.Second}); d < time.Second || d > 3*time.Second || d%time.Microsecond != 0 {
			t.Fatalf("got %s", d)
		}
	}
	mean, sd := sum/n, math.Sqrt(squares/n)
	if math.Abs(mean) > 0.01 || math.Abs(sd-1) > 0.01 {
		t.Errorf("normal: mean %v, deviation %v", mean, sd)
	}
	if got := waited / n; (got - time.Minute).Abs() > time.Second {
		t.Errorf("exponential: mean %s", got)
	}
	if part := float64(second) / n; math.Abs(part-0.75) > 0.01 {
		t.Errorf("three quarters were wanted, and %v came", part)
	}
}

// These numbers may never change: the values of all profiles hang on them.
func TestStreamsNeverChange(t *testing.T) {
	t.Parallel()
	s := simulate.NewStream(42, "cold-rooms", "device", "lyon/cr-001")
	got := [3]float64{s.Float(), s.Float(), s.Gauss()}
	want := [3]float64{0.28021676422110176, 0.5163603439325758, -0.7451863225240096}
	if got != want {
		t.Errorf("got %#v", got)
	}
}
