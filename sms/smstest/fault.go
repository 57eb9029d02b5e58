package smstest

import "time"

// FaultKind says how a carrier misbehaves.
type FaultKind string

// The kinds of fault. The zero value is none.
const (
	FaultNone FaultKind = ""
	// FaultRefuse refuses the connection before any byte is written; the request isn't in the log then. Only Transport
	// can do that to one request, and only by [Fake.Fail]. Over a socket, and chosen by [Fake.FailFunc], the request
	// has arrived by then, and it is as FaultReset. SetDown refuses over both.
	FaultRefuse FaultKind = "refuse"
	// FaultReset reads the request and breaks the connection without an answer.
	FaultReset FaultKind = "reset"
	// FaultHang reads the request and answers nothing until the caller gives up.
	FaultHang FaultKind = "hang"
	// FaultSlow sends the head and half of the right answer, then nothing until the caller gives up.
	FaultSlow FaultKind = "slow"
	// FaultStatus answers with Status and Code in the carrier's error shape; zero Status means 500.
	FaultStatus FaultKind = "status"
	// FaultHTML answers with Status and a page of HTML, as gateways do; zero Status means 502.
	FaultHTML FaultKind = "html"
	// FaultRedirect answers with Status and a Location on another host; zero Status means 307.
	FaultRedirect FaultKind = "redirect"
	// FaultNoID answers with the carrier's good status and JSON that lacks the id.
	FaultNoID FaultKind = "no_id"
	// FaultGarbage answers with the carrier's good status and bytes that are no JSON.
	FaultGarbage FaultKind = "garbage"
)

// Fault is what a carrier does wrong with one request. The zero value does nothing.
type Fault struct {
	Kind FaultKind
	// Accept says that a request that was good is carried out all the same: the text is taken and its receipts are
	// posted, whatever the caller gets to see. Where it is false, the text is lost.
	Accept     bool
	Status     int           // HTTP status, for the kinds that answer
	Code       string        // the carrier's error code, for FaultStatus; empty means the usual one for Status
	RetryAfter time.Duration // sent as the header Retry-After in whole seconds; zero means no header
}

// Fail gives the next requests to send a text these faults, one each, in order. It adds to what is still waiting.
// Requests of other kinds get faults from [Fake.FailFunc] only.
func (f *Fake) Fail(faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, faults...)
}

// FailFunc asks choose for the fault of every request that [Fake.Fail] has none for, of any kind. nil asks nobody.
// choose is called once per request, from many goroutines at a time.
func (f *Fake) FailFunc(choose func(Request) Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choose = choose
}

// queued takes the next waiting fault, if the request is one to send a text.
func (f *Fake) queued(kind RequestKind) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kind != KindSend || len(f.faults) == 0 {
		return Fault{}, false
	}
	next := f.faults[0]
	f.faults = f.faults[1:]
	return next, true
}

// chosen asks the host's function.
func (f *Fake) chosen(r Request) Fault {
	f.mu.Lock()
	choose := f.choose
	f.mu.Unlock()
	if choose == nil {
		return Fault{}
	}
	return choose(r)
}

func (f Fault) status(zero int) int {
	if f.Status != 0 {
		return f.Status
	}
	return zero
}
