package copies

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Step   string `json:"step"`
	Object string `json:"object,omitempty"` // its name at the site, or what it is called in the shop
	What   string `json:"what"`
	Code   string `json:"code,omitempty"` // one of Codes
	// Unknown says that it could not be looked at: nothing is shown to be wrong, or right.
	Unknown bool `json:"unknown,omitempty"`
}

func (f Finding) String() string {
	if f.Object == "" {
		return f.Step + ": " + f.What
	}
	return f.Step + ": " + f.Object + ": " + f.What
}

// Known is what the shop knows that a site must have: it was confirmed. To be taken before
// the site is looked at.
type Known struct {
	Epoch  uint32
	Chains map[string]Link
	Head   time.Time // of the newest head object
	Beside bool      // keys and configuration lie there
	Newest time.Time // of the shop's newest change
}

// Known tells what a site must have. ok is false for a site of another name, or one that
// is fed unsealed.
func (r *Room) Known(site string) (k Known, ok bool) {
	for _, s := range r.shippers {
		if s.name == site && !s.o.Unsealed {
			s.mu.Lock()
			defer s.mu.Unlock()
			return Known{Epoch: r.o.Epoch, Chains: s.links(), Head: s.st.Head, Beside: s.st.Beside != "", Newest: r.o.Stream.Head().At}, true
		}
	}
	return Known{}, false
}

// VerifyOptions say how a site is looked through.
type VerifyOptions struct {
	// Who opens what is looked at; nil: nothing is opened, and sealed bytes are compared with
	// what their signed headers tell.
	Who age.Identity
	// Known is what the shop knows; nil: the site is judged by itself alone.
	Known  *Known
	Policy Policy // zero: DefaultPolicy
	// Share of the objects whose bytes are read, 0 to 1, another share each day. Headers
	// are always read, all of them.
	Share float64
	Now   time.Time // zero: time.Now
	// Parallel is how many objects are read at once; 0: 8.
	Parallel int
	// Aside says that the database is copied by other means: nothing of it is at the site.
	Aside bool
	Tell  Progress
}

// Verified is what was found at a site.
type Verified struct {
	Objects  int
	Read     int   // of them whole
	Bytes    int64 // of all objects
	Epoch    uint32
	Head     time.Time // when the site was last told how far it is
	Max      uint64    // the newest transaction
	Newest   time.Time // when that was committed
	Notes    []string
	Findings []Finding
	inv      *Inventory
	seqs     map[string]uint64 // by name, of what was read
	wrongKey bool              // Who opens nothing here
}

const stepVerify = "verify"

// Verify looks through what a site holds: every header and its signature, the chain of each
// level, that positions follow each other, that what the head object (and the shop itself)
// says is there, sizes, and hashes of sealed bytes. What could not be looked at is a
// Finding with Unknown: silence is never a good answer.
func Verify(ctx context.Context, site Site, c Charter, o VerifyOptions) Verified {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Policy == (Policy{}) {
		o.Policy = DefaultPolicy()
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Tell == nil {
		o.Tell = func(string, int64, int64) {}
	}
	v := &verifier{site: site, c: c, o: o, name: site.Place().Name, links: map[string][]link{}, keys: map[string]streamKey{}, unread: map[string]int{}}
	v.out.seqs = map[string]uint64{}
	_, remover := site.(Remover)
	v.strict = remover && !site.Place().Locked
	v.run(ctx)
	return v.out
}

type verifier struct {
	site   Site
	c      Charter
	o      VerifyOptions
	name   string
	key    ed25519.PublicKey
	strict bool // the shop alone removes here, and says so in the head
	head   Header
	has    bool // a true head

	mu       sync.Mutex
	out      Verified
	links    map[string][]link // by epoch and chain
	keys     map[string]streamKey
	keyTried int
	keyWrong []string
	later    map[string]Link // where the chains stood at the end
	unread   map[string]int  // objects that could not be looked at, by chain
}

// link is one object in its chain.
type link struct {
	x    Found
	h    Header
	hash string
}

func (v *verifier) found(object, form string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Findings = append(v.out.Findings, Finding{Step: stepVerify, Object: object, What: fmt.Sprintf(form, args...)})
}

// say takes an error for what it is: damage, or trouble on the way.
func (v *verifier) say(object string, err error) {
	f := findingOf(stepVerify, object, err)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.out.Findings = append(v.out.Findings, f)
}

func findingOf(step, object string, err error) Finding {
	var d *Damage
	if errors.As(err, &d) {
		return Finding{Step: step, Object: d.Object, What: d.What}
	}
	return Finding{Step: step, Object: object, What: err.Error(), Unknown: true}
}

func (v *verifier) run(ctx context.Context) {
	var err error
	if v.key, err = v.c.VerifyKey(); err != nil {
		v.say(v.name, err)
		return
	}
	// The head first: what it tells of must be there afterwards.
	if err := v.readHead(ctx); err != nil {
		v.say(headObject, err)
		return
	}
	inv := &Inventory{Charter: v.c, Asked: 1, Reached: 1}
	v.out.inv = inv
	var all, files []Found
	var names = map[string]bool{}
	charters := map[uint32]string{}
	epochs := map[uint32]bool{}
	along := false
	for o, err := range v.site.List(ctx, "", "") {
		if err != nil {
			v.say(v.name, fmt.Errorf("the site could not be listed: %w", err))
			return
		}
		v.out.Objects++
		v.out.Bytes += o.Size
		names[o.Name] = true
		x, isSegment := segmentAt(o)
		part := strings.Split(o.Name, "/")
		switch {
		case isSegment && slices.Contains(Levels, x.Level) && epochDir(x.Epoch) == part[0]+"/"+part[1]+"/":
			all = append(all, x)
			epochs[x.Epoch] = true
		case strings.HasPrefix(o.Name, filePrefix):
			files = append(files, Found{Name: o.Name, Size: o.Size, At: o.At})
		case strings.HasPrefix(o.Name, dumpPrefix):
			x = Found{Name: o.Name, Size: o.Size, At: o.At}
			all = append(all, x)
			inv.Dumps = append(inv.Dumps, x)
		case o.Name == alongObject:
			along = true
			inv.Along = []int{0}
		case part[0] == "e" && len(part) == 3 && part[2] == "charter.json":
			if n, err := strconv.ParseUint(part[1], 16, 32); err == nil {
				charters[uint32(n)] = o.Name
				epochs[uint32(n)] = true
			}
		case o.Name == headObject:
		case part[0] == "e" && len(part) == 3 && part[2] == "epoch.kvc":
			if n, err := strconv.ParseUint(part[1], 16, 32); err == nil && epochObject(uint32(n)) == o.Name {
				all = append(all, Found{Name: o.Name, Size: o.Size, At: o.At, Epoch: uint32(n)})
				epochs[uint32(n)] = true
			}
		case part[0] == "e" && len(part) == 4 && part[2] == "k" && strings.HasSuffix(o.Name, ".age"):
		case part[0] == "e" || part[0] == "keys":
			v.found(o.Name, "is no name of a copy: renamed, or put there by somebody else")
		default:
			v.out.Notes = append(v.out.Notes, o.Name+" is nothing of the shop's")
		}
	}
	if v.o.Aside && v.has {
		epochs[v.head.Epoch] = true // no segment tells of it
	}
	for e := range epochs {
		v.out.Epoch = max(v.out.Epoch, e)
	}
	v.headIs()
	if v.out.Objects == 0 || len(epochs) == 0 && len(files) == 0 && len(inv.Dumps) == 0 {
		if v.o.Known != nil && len(v.o.Known.Chains) == 0 {
			v.say(v.name, errors.New("nothing is there yet"))
		} else {
			v.found(v.name, "holds nothing of the shop: emptied, or another place under the same address")
		}
		return
	}
	earlier := v.charters(ctx, epochs, charters)
	if v.has && v.head.Along != "" || v.o.Known != nil && v.o.Known.Beside {
		if !along {
			v.found(alongObject, "is gone: without it nobody opens what the database keeps sealed")
		} else if err := v.beside(ctx); err != nil {
			v.say(alongObject, err)
		}
	}
	// Every header, and some of the bytes.
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(v.o.Parallel)
	done := int64(0)
	for _, x := range append(slices.Clone(all), files...) {
		if earlier[x.Epoch] {
			continue
		}
		g.Go(func() error {
			if gctx.Err() != nil {
				return gctx.Err()
			}
			v.object(gctx, x, names)
			v.mu.Lock()
			done++
			n := done
			v.mu.Unlock()
			if n%100 == 0 {
				v.o.Tell("verifying", n, int64(len(all)+len(files)))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		v.say(v.name, fmt.Errorf("the site was not looked through to the end: %w", err))
		return
	}
	if v.keyTried > 0 && len(v.keyWrong) == v.keyTried {
		v.out.wrongKey = true
		v.say(v.name, fmt.Errorf("this key opens none of the %d things sealed to it there: it is another shop's, or an older one", v.keyTried))
	} else {
		for _, name := range v.keyWrong {
			v.found(name, "the key that opens its neighbours does not open it: changed or swapped")
		}
	}
	v.lookAgain(ctx)
	v.chains()
	v.positions(inv, files)
}

func (v *verifier) readHead(ctx context.Context) (err error) {
	v.head, v.has, err = v.headNow(ctx)
	if v.has {
		v.out.Head = v.head.Time()
	}
	var d *Damage
	if errors.As(err, &d) {
		v.say(headObject, err)
		return nil
	}
	return err
}

func (v *verifier) headNow(ctx context.Context) (h Header, has bool, err error) {
	b, err := getAll(ctx, v.site, headObject, MaxReplace)
	if errors.Is(err, ErrAbsent) {
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	if h, _, err = ReadHeader(bytes.NewReader(b), headObject, v.key); err != nil {
		return h, false, err
	}
	switch {
	case h.Kind != KindHead:
		err = damaged(headObject, "is a %s", h.Kind)
	case h.Shop != v.c.Shop:
		err = damaged(headObject, "is that of another shop")
	case h.Site != v.name:
		err = damaged(headObject, "was made for site %s", h.Site)
	}
	return h, err == nil, err
}

// headIs compares the head with what is there and what the shop knows.
func (v *verifier) headIs() {
	k := v.o.Known
	switch {
	case !v.has:
		if len(v.out.Findings) == 0 && (k == nil && v.out.Objects > 0 || k != nil && !k.Head.IsZero()) {
			v.found(headObject, "is gone: what the site should hold is not told")
		}
	case v.head.Epoch < v.out.Epoch:
		v.found(headObject, "is of epoch %d, objects are there of %d: an old one was put back", v.head.Epoch, v.out.Epoch)
		v.has = false
	case v.head.Epoch > v.out.Epoch && v.out.Epoch > 0:
		v.found(headObject, "is of epoch %d, of which nothing else is there", v.head.Epoch)
	case k != nil && v.head.Epoch == k.Epoch && v.head.Time().Before(k.Head.Truncate(time.Microsecond)):
		v.found(headObject, "is of %s, the shop has put one there at %s: an old one was put back", v.head.Time().Format(time.RFC3339), k.Head.Format(time.RFC3339))
	case v.head.Time().Sub(v.o.Now) > clockOff:
		v.found(headObject, "tells a time that has not come: %s", v.head.Time().Format(time.RFC3339))
	}
	if k != nil && v.out.Epoch != 0 && k.Epoch < v.out.Epoch {
		v.found(fmt.Sprintf("e/%08x", v.out.Epoch), "is an epoch that this shop does not know; it writes in %d", k.Epoch)
	}
}

// charters verifies whose epochs these are, and returns those of an earlier paper key.
func (v *verifier) charters(ctx context.Context, epochs map[uint32]bool, names map[uint32]string) (earlier map[uint32]bool) {
	earlier = map[uint32]bool{}
	for e := range epochs {
		name, ok := names[e]
		if !ok {
			v.found(charterObject(e), "is gone: whose copies these are is not told")
			continue
		}
		b, err := getAll(ctx, v.site, name, maxCharter)
		if err != nil {
			v.say(name, err)
			continue
		}
		var c Charter
		switch err := json.Unmarshal(b, &c); {
		case err != nil:
			v.found(name, "cannot be read")
		case c == v.c:
		case e == v.out.Epoch:
			v.found(name, "is another charter than the shop's: of another shop, or under other keys")
		case c.Shop != v.c.Shop || c.Verify != v.c.Verify:
			earlier[e] = true
			v.out.Notes = append(v.out.Notes, fmt.Sprintf("epoch %d has another charter, as before a new paper key; it is not looked at", e))
		default:
			v.out.Notes = append(v.out.Notes, fmt.Sprintf("epoch %d is sealed to an earlier paper key", e))
		}
	}
	return earlier
}

// beside compares what lies beside the database with what the head says of it.
func (v *verifier) beside(ctx context.Context) error {
	head := v.head
	for try := 0; ; try++ {
		b, err := getAll(ctx, v.site, alongObject, MaxReplace)
		if err != nil {
			return err
		}
		_, _, signed, err := ReadAlong(b, v.c, v.name)
		if err != nil {
			return err
		}
		told := v.has && head.Along != ""
		if !signed && !told {
			return damaged(alongObject, "is not signed: of an earlier version of this program, or put there by somebody else")
		}
		if !told || hashOf(b) == head.Along {
			if !signed {
				v.out.Notes = append(v.out.Notes, alongObject+" is not signed; the running shop replaces it")
			}
			return nil
		}
		if try == 20 {
			return damaged(alongObject, "is not what the shop last put there")
		}
		sleep(ctx, 100*time.Millisecond) // it may just be replaced: its head follows
		if h, ok, err := v.headNow(ctx); err != nil {
			return err
		} else if ok {
			head = h
		}
	}
}

// today gives each object its turn: a share of them each day.
func today(name string, share float64, now time.Time) bool {
	if share <= 0 {
		return false
	}
	h := fnv.New32a()
	io.WriteString(h, name)
	turn := uint64(h.Sum32()) + uint64(now.Unix()/86400)*uint64(share*(1<<32))
	return float64(uint32(turn)) < share*(1<<32)
}

// object reads and verifies one object.
func (v *verifier) object(ctx context.Context, x Found, names map[string]bool) {
	r, err := v.site.Get(ctx, x.Name)
	if errors.Is(err, ErrAbsent) {
		return // lookAgain
	}
	if err != nil {
		v.say(x.Name, err)
		v.cannot(x)
		return
	}
	defer r.Close()
	front := &counted{r: r}
	h, hash, err := ReadHeader(front, x.Name, v.key)
	if err == nil {
		err = belongs(h, v.c, v.name, x)
	}
	switch {
	case err != nil:
	case h.Kind == KindHead:
		err = damaged(x.Name, "is a head under another name")
	case front.n+h.SealedSize != x.Size:
		err = damaged(x.Name, "is %d bytes at the site, not the %d that its header tells", x.Size, front.n+h.SealedSize)
	case h.Time().Sub(v.o.Now) > clockOff:
		err = damaged(x.Name, "tells a time that has not come: %s", h.Time().Format(time.RFC3339))
	case h.Key != "" && !names[keyObject(h.Epoch, h.Key)]:
		err = damaged(x.Name, "its key is gone: %s", keyObject(h.Epoch, h.Key))
	}
	if err != nil {
		v.say(x.Name, err)
		if findingOf("", "", err).Unknown {
			v.cannot(x)
		}
		return
	}
	if h.Kind != KindFile {
		c := fmt.Sprintf("%08x/%s", h.Epoch, chainOf(h.Kind, h.Level))
		v.mu.Lock()
		v.links[c] = append(v.links[c], link{x, h, hash})
		v.out.seqs[x.Name] = h.Seq
		v.mu.Unlock()
	}
	var k streamKey
	if v.o.Who != nil && h.Key != "" {
		if k, err = v.streamKey(ctx, h); err != nil {
			return // said there
		}
	}
	if !today(x.Name, v.o.Share, v.o.Now) {
		return
	}
	v.mu.Lock()
	v.out.Read++
	v.mu.Unlock()
	switch {
	case v.o.Who == nil:
		err = compareSealed(r, x.Name, h)
	case h.Key != "":
		err = openTo(io.Discard, r, x.Name, h, k)
	default:
		v.mu.Lock()
		v.keyTried++
		v.mu.Unlock()
		var d *Damage
		if err = openTo(io.Discard, r, x.Name, h, v.o.Who); errors.As(err, &d) && d.What == notThisKey {
			v.mu.Lock()
			v.keyWrong = append(v.keyWrong, x.Name)
			v.mu.Unlock()
			return
		}
	}
	if err != nil {
		v.say(x.Name, err)
	}
}

// cannot notes that an object could not be looked at: what it lacks in its chain is not known.
func (v *verifier) cannot(x Found) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unread[chainID(x)]++
	v.unread[""]++
}

// chainID is the chain that an object belongs to by its name.
func chainID(x Found) string {
	if strings.HasPrefix(x.Name, dumpPrefix) {
		return chainOf(KindDump, 0)
	}
	if x.Name == epochObject(x.Epoch) {
		return fmt.Sprintf("%08x/%s", x.Epoch, chainOf(KindEpoch, 0))
	}
	return fmt.Sprintf("%08x/%s", x.Epoch, chainOf(KindSegment, x.Level))
}

// missing is found, or Unknown where objects of the chain could not be looked at.
func (v *verifier) missing(id, object, form string, args ...any) {
	n := v.unread[id]
	if strings.HasSuffix(id, chainOf(KindDump, 0)) {
		n = v.unread[chainOf(KindDump, 0)]
	}
	f := Finding{Step: stepVerify, Object: object, What: fmt.Sprintf(form, args...), Unknown: n > 0}
	if !slices.Contains(v.out.Findings, f) {
		v.out.Findings = append(v.out.Findings, f)
	}
}

type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

// compareSealed compares the sealed bytes with what the header tells.
func compareSealed(r io.Reader, name string, h Header) error {
	s := sha256.New()
	n, err := io.Copy(s, io.LimitReader(r, h.SealedSize+1))
	switch {
	case err != nil:
		return err
	case n != h.SealedSize:
		return damaged(name, "is %d bytes, not the %d that its header tells", n, h.SealedSize)
	case hex.EncodeToString(s.Sum(nil)) != h.Sealed:
		return damaged(name, "its bytes are not those its header tells")
	}
	return nil
}

var errSaid = errors.New("said before")

// streamKey opens each stream key once.
func (v *verifier) streamKey(ctx context.Context, h Header) (streamKey, error) {
	id := fmt.Sprint(h.Epoch, h.Key)
	v.mu.Lock()
	k, ok := v.keys[id]
	v.mu.Unlock()
	if ok {
		if k.id == "" {
			return k, errSaid
		}
		return k, nil
	}
	name := keyObject(h.Epoch, h.Key)
	b, err := getAll(ctx, v.site, name, maxHeader)
	if err == nil {
		k, err = openStreamKey(h.Key, b, v.o.Who)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if old, ok := v.keys[id]; ok { // another was faster
		if old.id == "" {
			return old, errSaid
		}
		return old, nil
	}
	v.keyTried++
	var no *age.NoIdentityMatchError
	switch {
	case err == nil:
		v.keys[id] = k
		return k, nil
	case errors.As(err, &no):
		v.keyWrong = append(v.keyWrong, name)
	case errors.Is(err, ErrAbsent) || b != nil:
		v.out.Findings = append(v.out.Findings, Finding{Step: stepVerify, Object: name, What: "is no stream key that can be opened: " + err.Error()})
	default:
		v.out.Findings = append(v.out.Findings, findingOf(stepVerify, name, err))
	}
	v.keys[id] = streamKey{}
	return streamKey{}, errSaid
}

// lookAgain learns what the retention took away while the site was looked at. An object
// that was listed and is not there is judged by its chain: it is missing there, or the head
// tells that the chain is whole from a later one on.
func (v *verifier) lookAgain(ctx context.Context) {
	h, ok, err := v.headNow(ctx)
	if err != nil && v.has {
		v.say(headObject, err)
	}
	if ok && h.Epoch == v.head.Epoch {
		v.later = h.Chains
	}
}
