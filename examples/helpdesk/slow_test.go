package main

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Callers who never finish their headers are hung up on, and keep nobody else waiting meanwhile.
func TestHeadersThatStall(t *testing.T) { // F20
	t.Parallel()
	s := serveDesk(t, options{})
	var stalled []net.Conn
	for i := range 200 {
		conn, err := net.Dial("tcp", s.h.listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, ("POST /sms/AAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: desk\r\nX-Slow: ")[:1+i/3])
		require.NoError(t, err)
		stalled = append(stalled, conn)
	}
	res, err := s.client.Get(s.base + "/sign-in")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	for _, conn := range stalled { // this waits until the server gives up
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := io.Copy(io.Discard, conn)
		require.NoError(t, err, "the server hung up")
	}
}
