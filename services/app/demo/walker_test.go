package demo

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/geo"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/store"
)

func placesHere() []geo.Point {
	c := invented(demoBrand)
	return c.places()
}

func TestWalkersWalkLikePeople(t *testing.T) {
	places := placesHere()
	steps := []time.Duration{500 * time.Millisecond, 2 * time.Second, 7 * time.Second}
	went := 0
	for n := range 120 {
		random := rand.New(rand.NewPCG(9, uint64(n)))
		w := newWalker(random, places, n%len(places))
		step := steps[n%len(steps)]
		visited := map[int]bool{}
		for range int(20 * time.Minute / step) {
			from := w.at
			w.step(step)
			speed := geo.Distance(from, w.at) / step.Seconds()
			require.LessOrEqual(t, speed, fastest+1e-6, "seed 9, walker %d", n)
			require.InDelta(t, speed, w.speed, 1e-9)
			for i, p := range places {
				if geo.Distance(p, w.at) <= visitRadius {
					visited[i] = true
				}
			}
			near := math.Inf(1)
			for _, p := range places {
				near = min(near, geo.Distance(p, w.at))
			}
			require.Less(t, near, 900.0, "walker %d left the city", n)
		}
		for _, l := range w.legs {
			require.GreaterOrEqual(t, l.pace, slowest)
			require.LessOrEqual(t, l.pace, fastest)
		}
		went += len(visited)
	}
	require.Greater(t, went, 240, "in 20 minutes everybody should get to two stores or more")
}

// TestOneStepOrMany holds the walk against itself: how time is cut must not matter for where somebody is.
func TestOneStepOrMany(t *testing.T) {
	places := placesHere()
	for n := range 40 {
		start := func() *walker { return newWalker(rand.New(rand.NewPCG(3, uint64(n))), places, n) }
		coarse, fine := start(), start()
		coarse.random = rand.New(rand.NewPCG(4, uint64(n)))
		fine.random = rand.New(rand.NewPCG(4, uint64(n)))
		coarse.legs, fine.legs = coarse.legs[:1], fine.legs[:1] // before anything new is planned
		legEnd := geo.Distance(coarse.at, coarse.legs[0].to)/coarse.legs[0].pace + coarse.staying.Seconds() + coarse.legs[0].stay.Seconds()
		whole := time.Duration(0.95 * legEnd * float64(time.Second))
		coarse.step(whole)
		for range 100 {
			fine.step(whole / 100)
		}
		require.Less(t, geo.Distance(coarse.at, fine.at), 0.01, "seeds 3 and 4, walker %d", n)
	}
}

func TestSameSeedSameWalk(t *testing.T) {
	places := placesHere()
	walk := func(seed uint64) (fixes []fix) {
		w := newWalker(rand.New(rand.NewPCG(seed, 5)), places, 5)
		for range 200 {
			w.step(2 * time.Second)
			fixes = append(fixes, w.fix())
		}
		return fixes
	}
	require.Equal(t, walk(1), walk(1))
	require.NotEqual(t, walk(1), walk(2))
}

// TestAccuracyIsWhatItSays: the reported radius holds 68% of the errors.
func TestAccuracyIsWhatItSays(t *testing.T) {
	places := placesHere()
	within, all := 0, 0
	for n := range 400 {
		w := newWalker(rand.New(rand.NewPCG(11, uint64(n))), places, n%len(places))
		for range 10 {
			w.step(20 * time.Second) // long enough for the error to be another one
			f := w.fix()
			require.GreaterOrEqual(t, f.accuracy, 4.0)
			require.LessOrEqual(t, f.accuracy, 12.0)
			all++
			if geo.Distance(f.at, w.at) <= w.accuracy {
				within++
			}
		}
	}
	share := float64(within) / float64(all)
	require.InDelta(t, 0.68, share, 0.03, "seed 11")
}

func TestInventedCity(t *testing.T) {
	c := invented(demoBrand)
	require.Len(t, c.stores, 40)
	seen := map[string]bool{}
	for i := range c.stores {
		s := &c.stores[i]
		require.NoError(t, s.Validate(), s.ExternalID)
		require.False(t, seen[s.ExternalID])
		seen[s.ExternalID] = true
		require.Less(t, geo.Distance(s.Place, geo.Point{Lat: 37.5665, Lng: 126.99}), 3000.0, s.ExternalID)
		for j := range c.stores[:i] {
			require.Greater(t, geo.Distance(s.Place, c.stores[j].Place), 2.0*visitRadius, "%s and %s", s.ExternalID, c.stores[j].ExternalID)
		}
	}
	require.NoError(t, store.CheckVisits(c.fences))
	for i := range c.fences {
		require.NoError(t, c.fences[i].Validate())
	}
	set := settings()
	require.NoError(t, set.Validate())
	b := &brand.Brand{ID: demoBrand, Name: brandName, Settings: set}
	for _, stock := range []int64{1, 80} {
		for _, cam := range campaigns(demoBrand, stock) {
			require.Empty(t, campaign.Validate(&cam, campaign.Known{Brand: b, Now: time.Now()}), cam.ExternalID)
		}
	}
}

func TestPeople(t *testing.T) {
	ios, dead, silent := 0, 0, 0
	addresses := map[string]bool{}
	for n := range 1000 {
		p := newPerson(rand.New(rand.NewPCG(2, uint64(n))), n)
		require.Equal(t, p, newPerson(rand.New(rand.NewPCG(2, uint64(n))), n))
		require.False(t, p.night && !p.ads, "night consent needs the day's")
		require.False(t, addresses[p.address])
		addresses[p.address] = true
		if p.ios {
			ios++
			require.Regexp(t, "^[0-9a-f]{64}$", p.address)
		} else {
			require.Len(t, p.address, 163)
		}
		if strings.HasPrefix(p.address, deadPrefix) {
			dead++
		}
		if !p.ads {
			silent++
		}
	}
	require.Equal(t, 500, ios)
	require.InDelta(t, 30, dead, 20, "seed 2")
	require.InDelta(t, 140, silent, 40, "seed 2")
}
