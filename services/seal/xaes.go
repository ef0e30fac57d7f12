package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

const (
	nonceSize = 24
	halfSize  = nonceSize / 2
	tagSize   = 16
)

// xaes is XAES-256-GCM (c2sp.org/XAES-256-GCM): the first half of the nonce derives, by one round of the NIST
// SP 800-108r1 KDF in counter mode with CMAC-AES-256, the key under which the second half is an ordinary GCM nonce.
type xaes struct {
	block cipher.Block
	k1    [aes.BlockSize]byte
}

func newXAES(key []byte) (*xaes, error) {
	if len(key) != 32 {
		return nil, errors.New("xaes: want a key of 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.k1[:], x.k1[:])
	msb := byte(0)
	for i := len(x.k1) - 1; i >= 0; i-- {
		msb, x.k1[i] = x.k1[i]>>7, x.k1[i]<<1|msb
	}
	x.k1[len(x.k1)-1] ^= msb * 0b10000111
	return x, nil
}

// gcm is the cipher for one nonce; it is used with the nonce's second half.
func (x *xaes) gcm(nonce []byte) (cipher.AEAD, error) {
	var key [32]byte
	for half := range 2 {
		m := key[half*aes.BlockSize : (half+1)*aes.BlockSize]
		m[1], m[2] = byte(half+1), 'X'
		copy(m[4:], nonce[:halfSize])
		for i := range m {
			m[i] ^= x.k1[i]
		}
		x.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
