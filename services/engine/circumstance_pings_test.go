package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Counts add up, whatever their order, are kept by hour, and come back from a row as they went in.
func TestPingCountsAgainstAMap(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		type cell struct {
			hour    uint32
			verdict uint8
		}
		twin, hours := map[cell]uint32{}, uint32(1+rnd.IntN(3))
		var list []pingCount
		for range rnd.IntN(300) {
			c := pingCount{494_000 + rnd.Uint32N(hours), uint16(1 + rnd.IntN(3000)), uint8(rnd.IntN(len(countedVerdicts) + 1))}
			list = addPings(list, c)
			twin[cell{c.hour, c.verdict}] = min(math.MaxUint16, twin[cell{c.hour, c.verdict}]+uint32(c.n))
		}
		require.True(t, slices.IsSortedFunc(list, func(a, b pingCount) int { return cmp.Compare(a.hour, b.hour) }))
		got := map[cell]uint32{}
		for _, c := range list {
			require.NotContains(t, got, cell{c.hour, c.verdict})
			got[cell{c.hour, c.verdict}] = uint32(c.n)
		}
		require.Equal(t, twin, got)
		require.Equal(t, list, unpackPings(packPings(list)))
	}
}

// A list is full of the latest hours, and an older count finds no room in it.
func TestPingCountsAreBounded(t *testing.T) {
	t.Parallel()
	var list []pingCount
	for hour := range uint32(3 * maxPingCounts) {
		list = addPings(list, pingCount{hour, 1, 1})
	}
	require.Len(t, list, maxPingCounts)
	require.Equal(t, uint32(2*maxPingCounts), list[0].hour)
	require.Equal(t, list, addPings(slices.Clone(list), pingCount{1, 1, 1}))
}

// What a row of another release or a broken one holds is taken as far as it makes sense.
func FuzzUnpackPings(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, raw []byte) {
		packed := make([]uint32, len(raw))
		for i, b := range raw {
			packed[i] = uint32(b) << (b & 24)
		}
		list := unpackPings(packed)
		require.LessOrEqual(t, len(list), maxPingCounts)
		require.Equal(t, list, unpackPings(packPings(list)))
		for _, c := range toldPings(list, time.UnixMilli(0)) {
			require.NotEmpty(t, c.Verdict)
		}
	})
}

// What a quiet ping costs more because it is counted.
func BenchmarkCountPing(b *testing.B) {
	p := &person{}
	t := &turn{p: p}
	t.r = reporting{turn: t, now: 1_800_000_000_000, answer: &Answer{Pings: []PingAnswer{{Verdict: Taken}}}}
	b.ReportAllocs()
	for b.Loop() {
		t.r.countPings()
		t.keepPings()
	}
}
