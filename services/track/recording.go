package track

import (
	"fmt"
	"io"
	"iter"
	"math"
)

// KeptRefusals is how many refusals a Recording names; the others are only counted.
const KeptRefusals = 10_000

// Recording is a whole file in memory, at 40 bytes a point. Accuracy and speed are kept to seven digits.
type Recording struct {
	// Devices in the order in which they first appear.
	Devices []string
	// Refused are the first KeptRefusals rows that were left out, in file order; RefusedCount is how many there were.
	Refused      []Refusal
	RefusedCount int
	fixes        []fix
}

type fix struct {
	at              int64
	lat, lng        float64
	accuracy, speed float32
	device, line    int32
}

// Load reads everything that is left of r. When the file breaks off, it returns what came before with the error.
// read, where not nil, is called now and then with the number of rows so far.
func Load(r *Reader, read func(rows int)) (*Recording, error) {
	rec := &Recording{}
	known := map[string]int32{}
	for rows := 1; ; rows++ {
		p, err := r.Next()
		if err == io.EOF {
			return rec, nil
		}
		if err = rec.add(known, p, err); err != nil {
			return rec, err
		}
		if read != nil && rows%65536 == 0 {
			read(rows)
		}
	}
}

func (rec *Recording) add(known map[string]int32, p Point, err error) error {
	if refusal, one := err.(*Refusal); one {
		rec.RefusedCount++
		if len(rec.Refused) < KeptRefusals {
			rec.Refused = append(rec.Refused, *refusal)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if p.Line > math.MaxInt32 {
		return fmt.Errorf("line %d: more lines than fit in memory", p.Line)
	}
	rec.fixes = append(rec.fixes, fix{
		at: p.At, lat: p.Lat, lng: p.Lng, accuracy: float32(p.Accuracy), speed: float32(p.Speed),
		device: rec.intern(known, p.Device), line: int32(p.Line),
	})
	return nil
}

func (rec *Recording) intern(known map[string]int32, device string) int32 {
	if n := len(rec.fixes); n > 0 {
		if last := rec.fixes[n-1].device; rec.Devices[last] == device {
			return last
		}
	}
	id, ok := known[device]
	if !ok {
		id = int32(len(rec.Devices))
		known[device] = id
		rec.Devices = append(rec.Devices, device)
	}
	return id
}

// Len is the number of points.
func (rec *Recording) Len() int { return len(rec.fixes) }

func (rec *Recording) point(f *fix) Point {
	return Point{
		Device: rec.Devices[f.device], At: f.at, Lat: f.lat, Lng: f.lng,
		Accuracy: float64(f.accuracy), Speed: float64(f.speed), Line: int(f.line),
	}
}

// Merge gives all points by time, whatever the order of the file; points of one time come in file order.
//
// Files are mostly sorted by device and then by time, so they are a few long runs that are in order already. The runs
// are merged by a heap, earlier ones first at equal times, which is what makes it stable: n log(runs) steps and no copy.
func (rec *Recording) Merge() iter.Seq[Point] {
	return func(yield func(Point) bool) {
		heap := rec.runs()
		for i := len(heap)/2 - 1; i >= 0; i-- {
			heap.down(i)
		}
		for len(heap) > 0 {
			top := &heap[0]
			if !yield(rec.point(&top.left[0])) {
				return
			}
			top.left = top.left[1:]
			if len(top.left) == 0 {
				heap[0] = heap[len(heap)-1]
				heap = heap[:len(heap)-1]
			}
			heap.down(0)
		}
	}
}

// run is what is left of one stretch of the file that is in order.
type run struct {
	left []fix
	rank int
}

type runs []run

func (rec *Recording) runs() runs {
	var all runs
	start := 0
	for i := 1; i <= len(rec.fixes); i++ {
		if i == len(rec.fixes) || rec.fixes[i].at < rec.fixes[i-1].at {
			all = append(all, run{left: rec.fixes[start:i], rank: len(all)})
			start = i
		}
	}
	return all
}

func (h runs) before(i, j int) bool {
	a, b := h[i].left[0].at, h[j].left[0].at
	return a < b || a == b && h[i].rank < h[j].rank
}

// down moves run i to its place.
func (h runs) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
