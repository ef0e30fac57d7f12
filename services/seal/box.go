package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Purpose says what a key is for. Boxes of different purposes never open each other.
type Purpose string

// The purposes in use.
const (
	Credential    Purpose = "credential"
	PresenceToken Purpose = "presence-token"
	deviceToken   Purpose = "device-token"
)

// What opening may answer.
var (
	// ErrInvalid: damaged, forged, made for something else, or not a box or token at all.
	ErrInvalid = errors.New("seal: invalid")
	// ErrUnknownRoot: closed under a root that this node does not hold.
	ErrUnknownRoot = errors.New("seal: closed under a root secret that is not here")
	// ErrExpired: genuine, but its time has passed.
	ErrExpired = errors.New("seal: expired")
)

const (
	version    = 1
	keyIDSize  = 4
	headerSize = 1 + keyIDSize
	// Overhead is how many bytes longer a box is than what it holds.
	Overhead = headerSize + nonceSize + tagSize
)

// Keeper seals and opens under one present root secret and any number of earlier ones. It is safe for concurrent use.
type Keeper struct {
	rings []*ring // the present one first
}

// ring is what derives from one root.
type ring struct {
	id   [keyIDSize]byte
	root []byte
	keys sync.Map // Purpose -> *keys
}

type keys struct {
	box   *xaes
	mac   []byte
	macs  sync.Pool // of hash.Hash, ready for mac
	drawn atomic.Pointer[drawn]
	seen  [256]atomic.Pointer[half] // by their first byte
}

// New makes a Keeper that seals under current and opens what current and the previous roots sealed.
func New(current Root, previous ...Root) (*Keeper, error) {
	k := &Keeper{}
	for _, root := range append([]Root{current}, previous...) {
		if len(root.secret) < RootBytes {
			return nil, fmt.Errorf("seal: a root secret of %d bytes, want at least %d", len(root.secret), RootBytes)
		}
		id, err := derive(root.secret, "key id", keyIDSize)
		if err != nil {
			return nil, err
		}
		k.rings = append(k.rings, &ring{id: [keyIDSize]byte(id), root: root.secret})
	}
	return k, nil
}

func derive(secret []byte, use string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "wantgo/seal/v1/"+use, size)
}

func (r *ring) of(p Purpose) (*keys, error) {
	if held, ok := r.keys.Load(p); ok {
		return held.(*keys), nil
	}
	boxKey, err := derive(r.root, "box/"+string(p), 32)
	if err != nil {
		return nil, err
	}
	mac, err := derive(r.root, "mac/"+string(p), 32)
	if err != nil {
		return nil, err
	}
	box, err := newXAES(boxKey)
	if err != nil {
		return nil, err
	}
	held, _ := r.keys.LoadOrStore(p, &keys{box: box, mac: mac})
	return held.(*keys), nil
}

// find returns the keys that a header names.
func (k *Keeper) find(p Purpose, header []byte) (*keys, error) {
	if len(header) < headerSize || header[0] != version {
		return nil, ErrInvalid
	}
	for _, r := range k.rings {
		if r.id == [keyIDSize]byte(header[1:headerSize]) {
			return r.of(p)
		}
	}
	return nil, ErrUnknownRoot
}

func (k *Keeper) header(size int) []byte {
	header := make([]byte, 1, size)
	header[0] = version
	return append(header, k.rings[0].id[:]...)
}

// Seal closes plain for a purpose, bound to what it belongs to (brand id, kind, device: the same parts in the same
// order open it). Parts are told apart, so ("ab","c") is not ("a","bc").
func (k *Keeper) Seal(p Purpose, plain []byte, bound ...[]byte) ([]byte, error) {
	keys, err := k.rings[0].of(p)
	if err != nil {
		return nil, err
	}
	box := k.header(Overhead + len(plain))
	box = box[:headerSize+nonceSize]
	nonce := box[headerSize:]
	gcm, err := keys.draw(nonce)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(box, nonce[halfSize:], plain, associated(box[:headerSize], bound)), nil
}

// Open gives back what Seal closed. ErrInvalid and ErrUnknownRoot tell why not.
func (k *Keeper) Open(p Purpose, box []byte, bound ...[]byte) ([]byte, error) {
	keys, err := k.find(p, box)
	if err != nil {
		return nil, err
	}
	if len(box) < Overhead {
		return nil, ErrInvalid
	}
	nonce := box[headerSize : headerSize+nonceSize]
	h, err := keys.half(nonce)
	if err != nil {
		return nil, err
	}
	plain, err := h.gcm.Open(nil, nonce[halfSize:], box[headerSize+nonceSize:], associated(box[:headerSize], bound))
	if err != nil {
		return nil, ErrInvalid
	}
	keys.keep(h)
	return plain, nil
}

// Current tells whether a box or token body was closed under the present root; otherwise seal it again.
func (k *Keeper) Current(box []byte) bool {
	return len(box) >= headerSize && box[0] == version && [keyIDSize]byte(box[1:headerSize]) == k.rings[0].id
}

// associated is the header and every bound part after its length.
func associated(header []byte, bound [][]byte) []byte {
	size := len(header)
	for _, part := range bound {
		size += 4 + len(part)
	}
	ad := append(make([]byte, 0, size), header...)
	for _, part := range bound {
		ad = binary.BigEndian.AppendUint32(ad, uint32(len(part)))
		ad = append(ad, part...)
	}
	return ad
}
