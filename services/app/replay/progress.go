package replay

import (
	"os"

	"github.com/pterm/pterm"
	"golang.org/x/term"
)

// progress shows a bar on a terminal, and nothing elsewhere.
type progress struct {
	bar  *pterm.ProgressbarPrinter
	on   bool
	what string
}

func newProgress(w *os.File) *progress {
	pterm.SetDefaultOutput(w)
	return &progress{on: term.IsTerminal(int(w.Fd()))}
}

// count tells of work whose end is not known.
func (p *progress) count(what string, n int) {
	if p.on {
		pterm.Printo(what, n)
	}
}

// part tells how much of a known amount is done.
func (p *progress) part(what string, done, all int) {
	if !p.on || all == 0 {
		return
	}
	if p.bar == nil || p.what != what {
		p.done()
		p.what = what
		p.bar, _ = pterm.DefaultProgressbar.WithTotal(all).WithTitle(what).WithRemoveWhenDone().Start()
	}
	p.bar.Add(done - p.bar.Current)
}

func (p *progress) done() {
	if p.bar != nil {
		_, _ = p.bar.Stop()
		p.bar = nil
	}
}
