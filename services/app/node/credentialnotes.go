package node

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/brand"
)

// noteEvery is how often the same news of a credential is kept again.
const noteEvery = time.Minute

// stateKeeper is where what providers say of credentials is kept for every node to tell.
type stateKeeper interface {
	NoteCredential(ctx context.Context, brandID, credentialID uuid.UUID, n brand.CredentialState) error
}

// credentialNotes keeps what attempts say of credentials: at once when it is news, else once a minute. It never delays
// an attempt.
type credentialNotes struct {
	keeper stateKeeper // nil: nothing is kept
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	last    map[uuid.UUID]note
	writing sync.WaitGroup
}

// note is the last news of a credential: the code of its refusal, or "" for an acceptance.
type note struct {
	code string
	at   time.Time
}

// take hears of one attempt's result under a credential.
func (n *credentialNotes) take(brandID, credentialID uuid.UUID, r pusher.Result) {
	code := ""
	switch r.Outcome {
	case pusher.OutcomeMisconfigured:
		code = r.Code
	case pusher.OutcomeAccepted:
	default:
		return
	}
	if n.keeper == nil {
		return
	}
	now := n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if have, ok := n.last[credentialID]; ok && have.code == code && now.Sub(have.at) < noteEvery {
		return
	}
	n.last[credentialID] = note{code, now}
	state := brand.CredentialState{AcceptedAt: now}
	if code != "" {
		state = brand.CredentialState{RefusedAt: now, RefusedCode: code}
	}
	n.writing.Go(func() { n.write(brandID, credentialID, state) })
}

func (n *credentialNotes) write(brandID, credentialID uuid.UUID, state brand.CredentialState) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := n.keeper.NoteCredential(ctx, brandID, credentialID, state); err != nil {
		n.log.Warn("the state of a credential could not be kept", "brand", brandID, "credential", credentialID, "error", err)
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.last, credentialID) // so that the next news is tried
	}
}

// close waits for what is being written.
func (n *credentialNotes) close() { n.writing.Wait() }
