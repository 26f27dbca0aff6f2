package shield

import (
	"container/list"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// ConnLimits bounds open connections. Zero means the default.
type ConnLimits struct {
	Total    int // in all; default 8,192
	PerIP    int // from one client prefix; default 4,096: a proxy or an operator's NAT may stand there
	Unproven int // from one client prefix and without one completed request head; default 256
}

// ConnGuard is a net.Listener that keeps connections within ConnLimits. A new
// connection is always accepted; when that is one too many, the oldest one
// without a completed request head is closed instead (of the same client first,
// then of anyone). When there is none, the new one is closed.
type ConnGuard struct {
	net.Listener
	limits ConnLimits

	mu       sync.Mutex
	open     int
	clients  map[netip.Prefix]*clientConns
	unproven *list.List // of *guardedConn, oldest first, all clients
}

type clientConns struct {
	open     int
	unproven *list.List // of *guardedConn, oldest first
}

type guardedConn struct {
	net.Conn
	guard  *ConnGuard
	client netip.Prefix
	proven atomic.Bool
	gone   bool          // under guard.mu
	mine   *list.Element // in clients[client].unproven; nil once proven
	all    *list.Element // in guard.unproven; nil once proven
}

// GuardConns wraps a listener. Put it below TLS, so that half a handshake counts.
func GuardConns(l net.Listener, limits ConnLimits) *ConnGuard {
	if limits.Total <= 0 {
		limits.Total = 8192
	}
	if limits.PerIP <= 0 {
		limits.PerIP = 4096
	}
	if limits.Unproven <= 0 {
		limits.Unproven = 256
	}
	return &ConnGuard{Listener: l, limits: limits,
		clients: map[netip.Prefix]*clientConns{}, unproven: list.New()}
}

// Accept waits for a connection within the limits.
func (g *ConnGuard) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if kept := g.admit(c); kept != nil {
			return kept, nil
		}
		c.Close()
	}
}

// Open is the number of connections that are open now.
func (g *ConnGuard) Open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *ConnGuard) admit(c net.Conn) net.Conn {
	gc := &guardedConn{Conn: c, guard: g, client: Prefix(peerAddr(c))}
	var victims []*guardedConn
	g.mu.Lock()
	cl := g.clients[gc.client]
	if cl == nil {
		cl = &clientConns{unproven: list.New()}
		g.clients[gc.client] = cl
	}
	evict := func(l *list.List) bool {
		e := l.Front()
		if e == nil {
			return false
		}
		v := e.Value.(*guardedConn)
		g.forget(v)
		victims = append(victims, v)
		return true
	}
	room := true
	if cl.unproven.Len() >= g.limits.Unproven || cl.open >= g.limits.PerIP {
		room = evict(cl.unproven)
	}
	if room && g.open >= g.limits.Total {
		room = evict(g.unproven)
	}
	if room {
		// forget may have dropped the client's entry when its last one went.
		if g.clients[gc.client] == nil {
			g.clients[gc.client] = cl
		}
		cl.open++
		g.open++
		gc.mine = cl.unproven.PushBack(gc)
		gc.all = g.unproven.PushBack(gc)
	} else if cl.open == 0 {
		delete(g.clients, gc.client)
	}
	g.mu.Unlock()
	// Closing may block on the peer's buffers, so never under the lock.
	for _, v := range victims {
		v.Conn.Close()
	}
	if !room {
		return nil
	}
	return gc
}

// forget takes the connection out of the books; g.mu is held.
func (g *ConnGuard) forget(c *guardedConn) {
	if c.gone {
		return
	}
	c.gone = true
	g.open--
	cl := g.clients[c.client]
	if c.mine != nil {
		cl.unproven.Remove(c.mine)
		g.unproven.Remove(c.all)
		c.mine, c.all = nil, nil
	}
	if cl.open--; cl.open == 0 {
		delete(g.clients, c.client)
	}
}

// Close closes the connection and frees its place.
func (c *guardedConn) Close() error {
	c.guard.mu.Lock()
	c.guard.forget(c)
	c.guard.mu.Unlock()
	return c.Conn.Close()
}

func (c *guardedConn) prove() {
	if c.proven.Swap(true) {
		return
	}
	c.guard.mu.Lock()
	defer c.guard.mu.Unlock()
	if c.mine != nil {
		c.guard.clients[c.client].unproven.Remove(c.mine)
		c.guard.unproven.Remove(c.all)
		c.mine, c.all = nil, nil
	}
}

type connKey struct{}

// connContext remembers the guarded connection, for Proven.
func connContext(ctx context.Context, c net.Conn) context.Context {
	for {
		switch t := c.(type) {
		case *guardedConn:
			return context.WithValue(ctx, connKey{}, t)
		case interface{ NetConn() net.Conn }:
			c = t.NetConn()
		default:
			return ctx
		}
	}
}

// Proven marks the request's connection as one that has sent a whole request
// head. Handlers call it first; it does nothing for connections of other servers.
func Proven(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(*guardedConn); ok && !c.proven.Load() {
		c.prove()
	}
}

func peerAddr(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr()
	}
	return netip.Addr{}
}
