package simulate

import "math"

// The functions here give the same bits on every machine, unlike those of package math, parts of which are written in
// assembly for some processors, and unlike plain expressions: Go may fuse a product with a sum, which a conversion
// prevents. What is not in here, and in the standard that all machines follow, is not used for values.

// fma is a*b+c in two steps.
func fma(a, b, c float64) float64 { return float64(a*b) + c }

// horner is the polynomial with these coefficients, the highest first.
func horner(x float64, coefficients ...float64) float64 {
	sum := 0.0
	for _, c := range coefficients {
		sum = fma(sum, x, c)
	}
	return sum
}

// cosTurns is the cosine of a number of turns, to within 1e-15.
func cosTurns(turns float64) float64 {
	turns -= math.Floor(turns)
	if turns > 0.5 {
		turns = 1 - turns // the cosine is even
	}
	if turns > 0.25 {
		return -quarterCos(0.5 - turns)
	}
	return quarterCos(turns)
}

// quarterCos is the cosine of up to a quarter of a turn, by its power series, or that of the sine where that is shorter.
func quarterCos(turns float64) float64 {
	if turns > 0.125 {
		x := float64((0.25 - turns) * (2 * math.Pi))
		return float64(x * horner(float64(x*x), -1./1307674368000, 1./6227020800, -1./39916800, 1./362880, -1./5040, 1./120, -1./6, 1))
	}
	x := float64(turns * (2 * math.Pi))
	return horner(float64(x*x), 1./20922789888000, -1./87178291200, 1./479001600, -1./3628800, 1./40320, -1./720, 1./24, -1./2, 1)
}

// decay is e to the power of -x, for x from 0, to within 1e-15 of it.
func decay(x float64) float64 {
	const most = 700 // beyond that nothing is left
	if x > most {
		return 0
	}
	k := math.Floor(x / math.Ln2)
	r := -(x - float64(k*math.Ln2))
	e := horner(r, 1./1307674368000, 1./87178291200, 1./6227020800, 1./479001600, 1./39916800, 1./3628800, 1./362880, 1./40320, 1./5040,
		1./720, 1./120, 1./24, 1./6, 1./2, 1, 1)
	return math.Ldexp(e, -int(k))
}

// logarithm is the natural logarithm of x above 0, to within 1e-15 of it.
func logarithm(x float64) float64 {
	m, k := math.Frexp(x) // from 1/2 up to 1
	if m < math.Sqrt2/2 {
		m *= 2
		k--
	}
	s := (m - 1) / (m + 1)
	square := float64(s * s)
	series := horner(square, 1./23, 1./21, 1./19, 1./17, 1./15, 1./13, 1./11, 1./9, 1./7, 1./5, 1./3, 1)
	return fma(float64(k), math.Ln2, float64(2*s*series))
}
