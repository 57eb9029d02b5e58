// Command load measures what a desk does on a database of yours, beside the least that any program would have to do
// there, so that you know what to expect before your customers do.
//
//	go run ./examples/load -store sqlite:/var/lib/desk/load.db
//	go run ./examples/load -store postgres://user@host/database
//	go run ./examples/load -store memory
//
// It plays a carrier in this process: signed Twilio webhooks go through the engine's own handler, texts go out to a
// carrier that takes each at once. Beside it, turn by turn in the same run, a bare net/http handler parses the same form
// and does one INSERT or UPDATE with one commit, into the same database. The ratio of the two says what the desk costs,
// whatever the machine and however busy it is; the absolute figures say what this machine does.
//
// Each run works in a workspace of its own and leaves it there: use a database that may be dropped. Tables of the
// reference are named load_…, and are dropped at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run measures what the arguments ask for and writes the table, or JSON, to out. Progress goes to progress.
func run(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	b, err := openBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	stop, err := startProfile(o.cpuProfile)
	if err != nil {
		return err
	}
	r, err := b.measure(ctx, progress)
	if err := errors.Join(err, stop()); err != nil {
		return err
	}
	write := r.writeTable
	if o.json {
		write = r.writeJSON
	}
	err = write(out)
	if o.strict {
		err = errors.Join(err, r.broken())
	}
	return err
}

// startProfile writes a CPU profile of what follows until the function that it returns is called.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
