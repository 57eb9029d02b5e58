package livedesk

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Sealer encrypts credentials before they reach a Store, and decrypts them for the engine. about names what is sealed
// and must be the same on both sides, so that a sealed text can't be moved to another row. It is safe for concurrent use;
// its errors hold neither plain text nor key. A host with a key service puts it behind this interface.
type Sealer interface {
	Seal(ctx context.Context, plain []byte, about string) ([]byte, error)
	Open(ctx context.Context, sealed []byte, about string) ([]byte, error)
}

// KeyRing is a [Sealer] with AES-256-GCM. The first key seals; all of them open, so that keys can be changed: put the
// new one first, let [Engine.Reseal] write everything under it, and drop the old one.
type KeyRing struct{ keys []ringKey }

type ringKey struct {
	id   [4]byte
	aead cipher.AEAD
}

var _ Sealer = (*KeyRing)(nil)

// NewKeyRing returns a ring of keys of 32 bytes each. The error names the place of a key that is none.
func NewKeyRing(keys ...[]byte) (*KeyRing, error) {
	if len(keys) == 0 {
		return nil, invalid("keys", "at least one key is required")
	}
	r := &KeyRing{}
	for i, k := range keys {
		if len(k) != 32 {
			return nil, invalid(fmt.Sprintf("keys[%d]", i), "must have 32 bytes")
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, fmt.Errorf("keys[%d]: %w", i, err)
		}
		sum := sha256.Sum256(append([]byte("livedesk key id\x00"), k...))
		r.keys = append(r.keys, ringKey{[4]byte(sum[:4]), aead})
	}
	return r, nil
}

const ringVersion = 1

// Seal implements [Sealer]. The result is a version byte, the key's id, the nonce and the sealed text.
func (r *KeyRing) Seal(_ context.Context, plain []byte, about string) ([]byte, error) {
	k := r.keys[0]
	out := append([]byte{ringVersion}, k.id[:]...)
	return k.aead.Seal(out, nil, plain, []byte(about)), nil
}

// Open implements [Sealer].
func (r *KeyRing) Open(_ context.Context, sealed []byte, about string) ([]byte, error) {
	if len(sealed) < 5 || sealed[0] != ringVersion {
		return nil, errors.New("sealed text is not of this key ring")
	}
	for _, k := range r.keys {
		if [4]byte(sealed[1:5]) == k.id {
			plain, err := k.aead.Open(nil, nil, sealed[5:], []byte(about))
			if err != nil {
				return nil, errors.New("sealed text was changed, or is about something else")
			}
			return plain, nil
		}
	}
	return nil, errors.New("key of the sealed text is not in the ring")
}

// String hides the keys.
func (r *KeyRing) String() string { return fmt.Sprintf("key ring of %d keys", len(r.keys)) }

// GoString hides the keys.
func (r *KeyRing) GoString() string { return r.String() }
