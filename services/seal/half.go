package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"sync/atomic"
)

// half is the first half of a nonce with the cipher that it derives, which costs more than to seal what a token holds.
type half struct {
	nonce [halfSize]byte
	gcm   cipher.AEAD
}

// drawn is the half under which boxes are sealed at present. The second half of every nonce is drawn anew: over perHalf
// boxes two are the same with a chance of 2^-57.
type drawn struct {
	half
	used atomic.Uint64
}

const perHalf = 1 << 20

// draw fills a nonce and gives its cipher.
func (k *keys) draw(nonce []byte) (cipher.AEAD, error) {
	d := k.drawn.Load()
	if d == nil || d.used.Add(1) > perHalf {
		d = &drawn{}
		_, _ = rand.Read(d.nonce[:])
		var err error
		if d.gcm, err = k.box.gcm(d.nonce[:]); err != nil {
			return nil, err
		}
		d.used.Store(1)
		k.drawn.Store(d)
	}
	copy(nonce, d.nonce[:])
	_, _ = rand.Read(nonce[halfSize:])
	return d.gcm, nil
}

// half is the cipher for a nonce that comes from outside.
func (k *keys) half(nonce []byte) (*half, error) {
	if h := k.seen[nonce[0]].Load(); h != nil && h.nonce == [halfSize]byte(nonce) {
		return h, nil
	}
	gcm, err := k.box.gcm(nonce)
	return &half{[halfSize]byte(nonce), gcm}, err
}

// keep keeps a half that opened a box: others would come from anybody.
func (k *keys) keep(h *half) {
	if place := &k.seen[h.nonce[0]]; place.Load() != h {
		place.Store(h)
	}
}
