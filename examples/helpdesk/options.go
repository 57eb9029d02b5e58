package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// options are the flags.
type options struct {
	addr      string
	public    bool
	store     string // a path, or "memory"
	real      bool
	publicURL string // empty: the console's own address
	pace      time.Duration
}

func parse(args []string, usage io.Writer) (options, error) {
	o := options{pace: time.Second} // about what real texts take
	var carriers string
	f := flag.NewFlagSet("helpdesk", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`address` to listen on")
	f.BoolVar(&o.public, "listen-publicly", false, "allow an -addr that other machines reach; signing in then takes a passphrase")
	f.StringVar(&o.store, "store", "", "`file` that keeps the desk, or \"memory\" (default helpdesk.db, or helpdesk-real.db with -carriers real)")
	f.StringVar(&carriers, "carriers", "simulated", "simulated or real")
	f.StringVar(&o.publicURL, "public-url", "", "`URL` under which the internet reaches this program; required with -carriers real")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.real = carriers == "real"
	if o.store == "" {
		// Files of their own, so that simulated texts are never sent to real phones.
		o.store = "helpdesk.db"
		if o.real {
			o.store = "helpdesk-real.db"
		}
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if carriers != "simulated" && carriers != "real" {
		return o, errors.New("-carriers must be simulated or real")
	}
	return o, errors.Join(o.checkAddr(), o.checkURL())
}

func (o options) checkAddr() error {
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return errors.New("-addr must be host:port, such as 127.0.0.1:8080")
	}
	if !loopback(host) && !o.public {
		return fmt.Errorf("-addr %s could be reached by other machines, and this console shows customers' texts; "+
			"use 127.0.0.1, or add -listen-publicly if that is what you want", o.addr)
	}
	if ip, err := netip.ParseAddr(host); (host == "" || err == nil && ip.IsUnspecified()) && o.publicURL == "" {
		return errors.New("-addr that listens on every address needs -public-url: the console answers only to names it knows")
	}
	return nil
}

func (o options) checkURL() error {
	if o.publicURL == "" {
		if o.real {
			return errors.New("-carriers real needs -public-url, the https address under which carriers reach this program")
		}
		return nil
	}
	u, err := url.Parse(o.publicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("-public-url must be an address such as https://desk.example.com")
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
