package file

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// header is what a picture says of itself before it is decoded.
type header struct {
	format        string
	width, height int
	orientation   int   // EXIF, 1 to 8
	memory        int64 // bytes a decoder takes, estimated upwards
}

var (
	errFormat = errors.New("file: not a picture we take")
	errMore   = errors.New("file: the header is not whole yet")
)

// sniff tells the format by its first bytes; "" for all else. Names and types
// that came along say nothing.
func sniff(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "jpeg"
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return "gif"
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return "webp"
	}
	return ""
}

// readHeader reads the header from the first bytes of a file. errMore when it
// needs more of them, errFormat when no more would help.
func readHeader(b []byte) (header, error) {
	h := header{format: sniff(b), orientation: 1}
	switch h.format {
	case "jpeg":
		return h, h.jpeg(b)
	case "png":
		return h, h.png(b)
	case "gif":
		if len(b) < 10 {
			return h, errMore
		}
		h.width, h.height = int(binary.LittleEndian.Uint16(b[6:])), int(binary.LittleEndian.Uint16(b[8:]))
		h.memory = h.pixels()
		return h, nil
	case "webp":
		return h, h.webp(b)
	}
	return h, errFormat
}

func (h header) pixels() int64 { return int64(h.width) * int64(h.height) }

// jpeg walks the segments up to the frame header. A progressive picture keeps
// all coefficients (4 bytes each) beside the samples.
func (h *header) jpeg(b []byte) error {
	for i := 2; ; {
		if i+4 > len(b) {
			return errMore
		}
		if b[i] != 0xff {
			return errFormat
		}
		m := b[i+1]
		if m == 0xff { // fill byte
			i++
			continue
		}
		n := int(binary.BigEndian.Uint16(b[i+2:]))
		if n < 2 || m < 0xc0 || m == 0xd8 || m == 0xd9 || m == 0xda {
			return errFormat
		}
		if i+2+n > len(b) {
			return errMore
		}
		seg := b[i+4 : i+2+n]
		switch {
		case m == 0xe1 && bytes.HasPrefix(seg, []byte("Exif\x00\x00")):
			h.orientation = exifOrientation(seg[6:])
		case m == 0xc0 || m == 0xc1 || m == 0xc2:
			if len(seg) < 6 || len(seg) < 6+3*int(seg[5]) || seg[5] == 0 || seg[5] > 4 {
				return errFormat
			}
			h.height, h.width = int(binary.BigEndian.Uint16(seg[1:])), int(binary.BigEndian.Uint16(seg[3:]))
			var hm, vm, sum int64 = 1, 1, 0
			for c := range int(seg[5]) {
				f := seg[7+3*c]
				hm, vm = max(hm, int64(f>>4)), max(vm, int64(f&15))
				sum += int64(f>>4) * int64(f&15)
			}
			per := h.pixels() * sum / (hm * vm) // samples of all components
			if seg[5] == 1 {
				per = h.pixels()
			}
			h.memory = per
			if m == 0xc2 {
				h.memory += 4 * per
			}
			if seg[5] == 4 { // converted to CMYK beside the planes
				h.memory += 4 * h.pixels()
			}
			return nil
		case m >= 0xc3 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc:
			return errFormat // lossless, arithmetic, hierarchical
		}
		i += 2 + n
	}
}

// maxScans is far above what any encoder writes (about ten). Each scan of a
// progressive picture may cost a walk over all its blocks for a few bytes.
const maxScans = 60

// scans counts the scan headers of a whole JPEG file.
func scans(b []byte) int {
	n := 0
	for i := bytes.Index(b, []byte{0xff, 0xda}); i >= 0; {
		n++
		j := bytes.Index(b[i+2:], []byte{0xff, 0xda})
		if j < 0 {
			break
		}
		i += 2 + j
	}
	return n
}

func (h *header) png(b []byte) error {
	if len(b) < 33 {
		return errMore
	}
	if string(b[12:16]) != "IHDR" {
		return errFormat
	}
	w, t := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if w > 1<<30 || t > 1<<30 {
		w, t = 1<<30, 1<<30
	}
	h.width, h.height = int(w), int(t)
	per := int64(4)
	if b[24] == 16 {
		per = 8
	} else if b[25] == 0 || b[25] == 3 {
		per = 1
	}
	if b[28] != 0 { // interlaced: the passes stand beside the whole
		per *= 2
	}
	h.memory = per * h.pixels()
	for i := 33; i+8 <= len(b); { // eXIf stands before the data, if at all
		n, name := int64(binary.BigEndian.Uint32(b[i:])), string(b[i+4:i+8])
		if name == "IDAT" || int64(i)+12+n > int64(len(b)) {
			break
		}
		if name == "eXIf" {
			h.orientation = exifOrientation(b[i+8 : i+8+int(n)])
		}
		i += 12 + int(n)
	}
	return nil
}

func (h *header) webp(b []byte) error {
	if len(b) < 30 {
		return errMore
	}
	switch string(b[12:16]) {
	case "VP8 ":
		h.width, h.height = int(binary.LittleEndian.Uint16(b[26:])&0x3fff), int(binary.LittleEndian.Uint16(b[28:])&0x3fff)
		h.memory = 2 * h.pixels()
	case "VP8L":
		v := binary.LittleEndian.Uint32(b[21:])
		h.width, h.height = int(v&0x3fff)+1, int(v>>14&0x3fff)+1
		h.memory = 5 * h.pixels()
	case "VP8X":
		if b[20]&0x02 != 0 {
			return errFormat // animated: the decoder has no frames
		}
		h.width = (int(b[24]) | int(b[25])<<8 | int(b[26])<<16) + 1
		h.height = (int(b[27]) | int(b[28])<<8 | int(b[29])<<16) + 1
		h.memory = 6 * h.pixels() // planes, alpha, its own picture while it is unpacked
		for i := 12; i+8 <= len(b); {
			n := int64(binary.LittleEndian.Uint32(b[i+4:]))
			if int64(i)+8+n > int64(len(b)) {
				break
			}
			if string(b[i:i+4]) == "EXIF" {
				h.orientation = exifOrientation(bytes.TrimPrefix(b[i+8:i+8+int(n)], []byte("Exif\x00\x00")))
			}
			i += 8 + int(n+n&1)
		}
	default:
		return errFormat
	}
	return nil
}

// exifOrientation reads tag 0x0112 of the first directory of a TIFF block; 1
// when there is none or anything is odd.
func exifOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var o binary.ByteOrder = binary.LittleEndian
	switch string(b[:4]) {
	case "II*\x00":
	case "MM\x00*":
		o = binary.BigEndian
	default:
		return 1
	}
	at := int64(o.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(o.Uint16(b[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(b)) {
			return 1
		}
		if o.Uint16(b[e:]) == 0x0112 && o.Uint16(b[e+2:]) == 3 {
			if v := int(o.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
	}
	return 1
}
