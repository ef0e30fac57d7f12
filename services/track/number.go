package track

import (
	"math"
	"strconv"
)

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseFloat reads what strconv.ParseFloat reads, to the same bit. Plain decimals of up to 15 digits, which is what
// positions are, take a short way: digits as an integer below 2^53 divided by an exact power of ten is rounded once,
// so correctly (W. D. Clinger, 1990).
func parseFloat(text []byte) (float64, bool) {
	digits, fraction := uint64(0), -1
	rest := text
	negative := len(rest) > 0 && rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	if len(rest) == 0 || len(rest) > 16 {
		return parseSlow(text)
	}
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			digits = digits*10 + uint64(c-'0')
		case c == '.' && fraction < 0 && len(rest) > 1:
			fraction = len(rest) - i - 1
		default:
			return parseSlow(text)
		}
	}
	if fraction < 0 {
		if len(rest) > 15 {
			return parseSlow(text)
		}
		fraction = 0
	}
	value := float64(digits) / powersOfTen[fraction]
	if negative {
		value = math.Copysign(value, -1)
	}
	return value, true
}

func parseSlow(text []byte) (float64, bool) {
	value, err := strconv.ParseFloat(string(text), 64)
	return value, err == nil && !math.IsNaN(value)
}

// parseMillis reads a whole number of milliseconds.
func parseMillis(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	value := int64(0)
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		value = value*10 + int64(c-'0')
	}
	return value, true
}
