// Command helpdesk is a working desk with a web console: agents answer texts in a browser, over Twilio and Bandwidth.
//
//	go run ./examples/helpdesk
//
// Carriers are simulated unless told otherwise, so that it needs no account and reaches no phone: the page "Phones" plays
// the customers. Everything is kept in one SQLite file in the current directory. With -carriers real, channels are added
// through the set-up form, and the carriers call the address of -public-url.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // business hours name time zones; not every machine has the files
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "helpdesk:", err)
		os.Exit(1)
	}
}

// run serves a desk until ctx ends.
func run(ctx context.Context, args []string, out, logs io.Writer) error {
	o, err := parse(args, logs)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := open(ctx, o, log)
	if err != nil {
		return err
	}
	defer h.close()
	h.greet(out)
	return h.serve(ctx)
}
