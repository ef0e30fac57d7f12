package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/track"
)

func deviceHash(name string) []byte {
	sum := sha256.Sum256([]byte(name))
	return sum[:8]
}

// pingID makes a UUIDv8 of a row: device, time, place, and its number among the device's rows of that time. The mixing
// is splitmix64 (Steele, Lea, Flood 2014); ids need not be secret, only the same in every run.
func pingID(device uint64, p *track.Point, ordinal uint64) uuid.UUID {
	a := mix(device ^ mix(uint64(p.At)) ^ ordinal<<1)
	b := mix(a ^ mix(math.Float64bits(p.Lat)) ^ mix(math.Float64bits(p.Lng)+ordinal))
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], a)
	binary.BigEndian.PutUint64(id[8:], b)
	id[6] = 0x80 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return id
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
