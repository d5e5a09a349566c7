#!/usr/bin/python3
"""A STAND-IN for MongoDB, not MongoDB: it speaks enough of its wire protocol for the GridFS driver.

OP_MSG and the legacy OP_QUERY handshake; documents in memory, chunk collections indexed by (files_id, n). It says nothing
about durability or replication. Needs only BSON (Debian: python3-bson). SCRAM-SHA-256 login, TLS with --certificate.
usage: server.py --port N [--user NAME --password-file FILE] [--certificate PEM-WITH-KEY]
"""
import argparse, base64, hashlib, hmac, os, re, socketserver, ssl, struct, sys, threading, datetime
import bson
from bson import ObjectId, Int64, RE_TYPE

MAX_BSON, MAX_MSG = 16 * 1024 * 1024, 48000000


def order(v):
    """Sort key after MongoDB's order of types (the ones that matter here)."""
    if v is None: return (1, 0)
    if isinstance(v, bool): return (8, v)
    if isinstance(v, (int, float)): return (2, v)
    if isinstance(v, str): return (3, v)
    if isinstance(v, dict): return (4, str(sorted(v.items(), key=str)))
    if isinstance(v, list): return (5, str(v))
    if isinstance(v, bytes): return (6, v)
    if isinstance(v, ObjectId): return (7, v.binary)
    if isinstance(v, datetime.datetime): return (9, v.timestamp() if v.tzinfo else v.replace(tzinfo=datetime.timezone.utc).timestamp())
    return (11, str(v))


def get(doc, path):
    """All values that a dotted path reaches, and whether there is any."""
    vals = [doc]
    for part in path.split('.'):
        nxt = []
        for v in vals:
            if isinstance(v, dict):
                if part in v: nxt.append(v[part])
            elif isinstance(v, list):
                if part.isdigit() and int(part) < len(v): nxt.append(v[int(part)])
                nxt += [e[part] for e in v if isinstance(e, dict) and part in e]
        vals = nxt
    return vals


class Bad(Exception):
    def __init__(self, code, name, msg): self.code, self.name, self.msg = code, name, msg


def test(vals, op, arg):
    flat = vals + [e for v in vals if isinstance(v, list) for e in v]
    if op == '$eq': return any(v == arg for v in flat) or (arg is None and not vals)
    if op == '$ne': return not test(vals, '$eq', arg)
    if op == '$in': return any(test(vals, '$eq', a) for a in arg)
    if op == '$nin': return not test(vals, '$in', arg)
    if op == '$exists': return bool(vals) == bool(arg)
    if op == '$not': return not cond(vals, arg)
    if op in ('$gt', '$gte', '$lt', '$lte'):
        k = order(arg)
        for v in flat:
            o = order(v)
            if o[0] != k[0]: continue
            if {'$gt': o > k, '$gte': o >= k, '$lt': o < k, '$lte': o <= k}[op]: return True
        return False
    if op == '$regex': return any(isinstance(v, str) and re.search(arg if isinstance(arg, str) else arg.pattern, v) for v in flat)
    if op == '$options': return True
    raise Bad(2, 'BadValue', 'unknown operator: ' + op)


def cond(vals, c):
    if isinstance(c, dict) and c and next(iter(c)).startswith('$'): return all(test(vals, o, a) for o, a in c.items())
    if isinstance(c, bson.Regex): return any(isinstance(v, str) and re.search(c.pattern, v) for v in vals)
    return test(vals, '$eq', c)


def match(doc, f):
    for k, c in f.items():
        if k == '$and': ok = all(match(doc, s) for s in c)
        elif k == '$or': ok = any(match(doc, s) for s in c)
        elif k == '$nor': ok = not any(match(doc, s) for s in c)
        elif k in ('$comment',): ok = True
        elif k.startswith('$'): raise Bad(2, 'BadValue', 'unknown top level operator: ' + k)
        else: ok = cond(get(doc, k), c)
        if not ok: return False
    return True


def project(doc, p):
    if not p: return doc
    inc = [k for k, v in p.items() if v and k != '_id']
    if inc:
        out = {} if '_id' in p and not p['_id'] else {'_id': doc.get('_id')}
        out.update({k: doc[k] for k in inc if k in doc})
        return out
    return {k: v for k, v in doc.items() if not (k in p and not p[k])}


def update(doc, u):
    if not (u and next(iter(u)).startswith('$')): return {'_id': doc.get('_id', u.get('_id')), **{k: v for k, v in u.items() if k != '_id'}}
    doc = dict(doc)

    def walk(path):
        d, parts = doc, path.split('.')
        for p in parts[:-1]:
            d[p] = dict(d.get(p) or {}) if isinstance(d.get(p), (dict, type(None))) else d[p]
            d = d[p]
        return d, parts[-1]
    for op, fields in u.items():
        for path, v in fields.items():
            d, k = walk(path)
            if op == '$set' or op == '$setOnInsert': d[k] = v
            elif op == '$unset': d.pop(k, None)
            elif op == '$inc': d[k] = d.get(k, 0) + v
            elif op == '$push': d[k] = list(d.get(k, [])) + [v]
            elif op == '$rename': d[v] = d.pop(k, None)
            else: raise Bad(9, 'FailedToParse', 'Unknown modifier: ' + op)
    return doc


class Collection:
    def __init__(self):
        self.docs = {}      # _id (hashable) -> document
        self.indexes = [{'v': 2, 'key': {'_id': 1}, 'name': '_id_'}]
        self.uniq = {}      # index name -> (fields, {values: _id})
        self.byfile = {}    # files_id -> {n: _id}, for *.chunks

    @staticmethod
    def key(v): return v if isinstance(v, (str, int, float, bytes, ObjectId)) else bson.encode({'': v})

    def candidates(self, f):
        i = f.get('_id')
        if '_id' in f and not isinstance(i, (dict, bson.Regex)):
            d = self.docs.get(self.key(i))
            return [d] if d is not None else []
        fid = f.get('files_id')
        if 'files_id' in f and not isinstance(fid, (dict, bson.Regex)):
            m = self.byfile.get(self.key(fid), {})
            n = f.get('n')
            if 'n' in f and not isinstance(n, dict): return [self.docs[m[n]]] if n in m else []
            return [self.docs[m[n]] for n in sorted(m)]
        return list(self.docs.values())

    def find(self, f, sort=None):
        out = [d for d in self.candidates(f) if match(d, f)]
        for k, way in reversed(list((sort or {}).items())):
            out.sort(key=lambda d: order((get(d, k) or [None])[0]), reverse=way < 0)
        return out

    def insert(self, d, replace=False):
        k = self.key(d['_id'])
        if k in self.docs and not replace: raise Bad(11000, 'DuplicateKey', f"E11000 duplicate key error index: _id_ dup key: {{ _id: {d['_id']!r} }}")
        for name, (fields, seen) in self.uniq.items():
            v = tuple(self.key((get(d, x) or [None])[0]) for x in fields)
            if seen.get(v, k) != k: raise Bad(11000, 'DuplicateKey', f'E11000 duplicate key error index: {name} dup key')
        if replace and k in self.docs: self.remove(self.docs[k])
        self.docs[k] = d
        for fields, seen in self.uniq.values(): seen[tuple(self.key((get(d, x) or [None])[0]) for x in fields)] = k
        if 'files_id' in d and 'n' in d: self.byfile.setdefault(self.key(d['files_id']), {})[d['n']] = k

    def remove(self, d):
        k = self.key(d['_id'])
        del self.docs[k]
        for fields, seen in self.uniq.values(): seen.pop(tuple(self.key((get(d, x) or [None])[0]) for x in fields), None)
        if 'files_id' in d and 'n' in d:
            m = self.byfile.get(self.key(d['files_id']), {})
            m.pop(d['n'], None)
            if not m: self.byfile.pop(self.key(d['files_id']), None)

    def index(self, spec):
        if any(i['name'] == spec['name'] for i in self.indexes): return False
        if spec.get('unique'):
            fields, seen = list(spec['key']), {}
            for d in self.docs.values(): seen[tuple(self.key((get(d, x) or [None])[0]) for x in fields)] = self.key(d['_id'])
            self.uniq[spec['name']] = (fields, seen)
        self.indexes.append({'v': 2, **spec})
        return True


LOCK = threading.RLock()
DBS = {}        # (db, collection) -> Collection
CURSORS = {}    # id -> [ns, iterator state list, position]
CONF = argparse.Namespace()


class Conn(socketserver.BaseRequestHandler):
    def setup(self):
        import socket
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if CONF.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(CONF.certificate)
            try: self.request = tls.wrap_socket(self.request, server_side=True)
            except OSError: self.request.close()
        self.authed, self.scram = not CONF.user, None

    def recv(self, n):
        buf = bytearray(n)
        view, got = memoryview(buf), 0
        while got < n:
            k = self.request.recv_into(view[got:])
            if not k: raise ConnectionError
            got += k
        return bytes(buf)

    def handle(self):
        rid = 0
        try:
            while True:
                size, req, _, op = struct.unpack('<iiii', self.recv(16))
                if not 16 <= size <= MAX_MSG + 16384: return
                body = self.recv(size - 16)
                rid += 1
                if op == 2004:      # OP_QUERY: handshake only
                    end = body.index(b'\0', 4)
                    doc = bson.decode(body[end + 9:])
                    doc = doc.get('$query', doc)
                    doc['$db'] = body[4:end].decode().split('.')[0]
                    out = bson.encode(self.run(doc))
                    self.request.sendall(struct.pack('<iiii', 36 + len(out), rid, req, 1) + struct.pack('<iqii', 8, 0, 0, 1) + out)
                elif op == 2013:
                    flags, = struct.unpack_from('<I', body)
                    p, end, doc = 4, len(body) - (4 if flags & 1 else 0), {}
                    while p < end:
                        kind = body[p]
                        n, = struct.unpack_from('<i', body, p + 1)
                        if kind == 0: doc.update(bson.decode(body[p + 1:p + 1 + n]))
                        elif kind == 1:
                            z = body.index(b'\0', p + 5)
                            doc[body[p + 5:z].decode()] = bson.decode_all(body[z + 1:p + 1 + n])
                        else: return
                        p += 1 + n
                    res = self.run(doc)
                    if flags & 2: continue      # moreToCome: no answer wanted
                    out = bson.encode(res)
                    self.request.sendall(struct.pack('<iiii', 21 + len(out), rid, req, 2013) + b'\0\0\0\0\0' + out)
                else: return
        except (ConnectionError, OSError):
            pass

    def run(self, c):
        name = next(iter(c))
        try:
            fn = getattr(self, 'c_' + name.lower(), None)
            if fn is None: raise Bad(59, 'CommandNotFound', f"no such command: '{name}' (this is a stand-in)")
            if not self.authed and name.lower() not in ('hello', 'ismaster', 'saslstart', 'saslcontinue', 'ping', 'buildinfo'):
                raise Bad(13, 'Unauthorized', f'command {name} requires authentication')
            with LOCK:
                return {**fn(c, c.get('$db', 'test'), c[name]), 'ok': 1.0}
        except Bad as e:
            return {'ok': 0.0, 'errmsg': e.msg, 'code': e.code, 'codeName': e.name}
        except Exception as e:
            print('error in', name, repr(e), file=sys.stderr, flush=True)
            return {'ok': 0.0, 'errmsg': repr(e), 'code': 8, 'codeName': 'UnknownError'}

    # --- handshake, login -------------------------------------------------
    def c_hello(self, c, db, v):
        out = {'helloOk': True, 'isWritablePrimary': True, 'ismaster': True, 'maxBsonObjectSize': MAX_BSON, 'maxMessageSizeBytes': MAX_MSG,
               'maxWriteBatchSize': 100000, 'localTime': datetime.datetime.now(datetime.timezone.utc), 'logicalSessionTimeoutMinutes': 30,
               'connectionId': 1, 'minWireVersion': 0, 'maxWireVersion': 21, 'readOnly': False}
        if 'saslSupportedMechs' in c: out['saslSupportedMechs'] = ['SCRAM-SHA-256']
        spec = c.get('speculativeAuthenticate')
        if spec and spec.get('mechanism') == 'SCRAM-SHA-256':
            try: out['speculativeAuthenticate'] = self.c_saslstart(spec, db, 1)
            except Bad: pass
        return out
    c_ismaster = c_hello

    def c_saslstart(self, c, db, v):
        if c.get('mechanism') != 'SCRAM-SHA-256': raise Bad(334, 'MechanismUnavailable', 'only SCRAM-SHA-256')
        bare = bytes(c['payload']).decode().split(',', 2)[2]
        a = dict(x.split('=', 1) for x in bare.split(','))
        if a['n'] != CONF.user: raise Bad(18, 'AuthenticationFailed', 'Authentication failed.')
        salt, nonce = hashlib.sha256(CONF.user.encode()).digest()[:28], a['r'] + base64.b64encode(os.urandom(18)).decode()
        first = f'r={nonce},s={base64.b64encode(salt).decode()},i=15000'
        self.scram = (bare, first, nonce, salt, c.get('options', {}).get('skipEmptyExchange', False))
        return {'conversationId': 1, 'done': False, 'payload': first.encode()}

    def c_saslcontinue(self, c, db, v):
        if self.scram is None: raise Bad(18, 'AuthenticationFailed', 'no login under way')
        bare, first, nonce, salt, skip = self.scram
        msg = bytes(c['payload']).decode()
        if not msg and self.authed: return {'conversationId': 1, 'done': True, 'payload': b''}
        without, proof = msg.rsplit(',p=', 1)
        salted = hashlib.pbkdf2_hmac('sha256', CONF.password.encode(), salt, 15000)
        ck = hmac.digest(salted, b'Client Key', 'sha256')
        auth = f'{bare},{first},{without}'.encode()
        sig = hmac.digest(hashlib.sha256(ck).digest(), auth, 'sha256')
        if not hmac.compare_digest(bytes(x ^ y for x, y in zip(ck, sig)), base64.b64decode(proof)) or f'r={nonce}' not in without:
            raise Bad(18, 'AuthenticationFailed', 'Authentication failed.')
        self.authed = True
        ss = hmac.digest(hmac.digest(salted, b'Server Key', 'sha256'), auth, 'sha256')
        return {'conversationId': 1, 'done': bool(skip), 'payload': b'v=' + base64.b64encode(ss)}

    def c_ping(self, c, db, v): return {}
    def c_buildinfo(self, c, db, v): return {'version': '7.0.0-standin', 'versionArray': [7, 0, 0, 0], 'maxBsonObjectSize': MAX_BSON, 'gitVersion': 'stand-in', 'modules': []}
    def c_endsessions(self, c, db, v): return {}
    def c_getparameter(self, c, db, v): raise Bad(72, 'InvalidOptions', 'no option found to get')
    def c_aborttransaction(self, c, db, v): raise Bad(20, 'IllegalOperation', 'no transactions')
    c_committransaction = c_aborttransaction

    # --- documents --------------------------------------------------------
    @staticmethod
    def coll(db, name, make=False):
        if make and (db, name) not in DBS: DBS[db, name] = Collection()
        return DBS.get((db, name)) or Collection()

    @staticmethod
    def errors(errs): return {'writeErrors': errs} if errs else {}

    def c_insert(self, c, db, v):
        col, n, errs = self.coll(db, v, True), 0, []
        for i, d in enumerate(c['documents']):
            if '_id' not in d: d = {'_id': ObjectId(), **d}
            try: col.insert(d); n += 1
            except Bad as e:
                errs.append({'index': i, 'code': e.code, 'errmsg': e.msg})
                if c.get('ordered', True): break
        return {'n': n, **self.errors(errs)}

    def c_delete(self, c, db, v):
        col, n = self.coll(db, v), 0
        for d in c['deletes']:
            hits = col.find(d['q'])
            for h in hits[:1] if d.get('limit') else hits: col.remove(h); n += 1
        return {'n': n}

    def c_update(self, c, db, v):
        col, n, mod, ups, errs = self.coll(db, v, True), 0, 0, [], []
        for i, u in enumerate(c['updates']):
            hits = col.find(u['q'])
            if not u.get('multi'): hits = hits[:1]
            try:
                for h in hits:
                    new = update(h, u['u']); n += 1
                    if new != h: col.insert(new, True); mod += 1
                if not hits and u.get('upsert'):
                    base = {k: x for k, x in u['q'].items() if not k.startswith('$') and not isinstance(x, dict)}
                    new = update(base, u['u'])
                    if new.get('_id') is None: new = {**new, '_id': ObjectId()}
                    col.insert(new); n += 1; ups.append({'index': i, '_id': new['_id']})
            except Bad as e: errs.append({'index': i, 'code': e.code, 'errmsg': e.msg})
        return {'n': n, 'nModified': mod, **({'upserted': ups} if ups else {}), **self.errors(errs)}

    def c_findandmodify(self, c, db, v):
        col = self.coll(db, v, True)
        hits = col.find(c.get('query', {}), c.get('sort'))
        if not hits: return {'value': None, 'lastErrorObject': {'n': 0, 'updatedExisting': False}}
        if c.get('remove'): col.remove(hits[0]); return {'value': hits[0], 'lastErrorObject': {'n': 1}}
        new = update(hits[0], c['update']); col.insert(new, True)
        return {'value': new if c.get('new') else hits[0], 'lastErrorObject': {'n': 1, 'updatedExisting': True}}

    def batch(self, cur, size, key):
        out, room = [], MAX_BSON
        docs, p = cur[1], cur[2]
        while p < len(docs) and (size is None or len(out) < size):
            room -= sum(len(x) if isinstance(x, (bytes, str)) else 64 for x in docs[p].values())
            if out and room < 0: break
            out.append(docs[p]); p += 1
        cur[2] = p
        return out

    def open(self, ns, docs, size, single):
        cur = [ns, docs, 0]
        first = self.batch(cur, size, 'firstBatch')
        cid = 0
        if cur[2] < len(docs) and not single:
            cid = int.from_bytes(os.urandom(7), 'little') | 1
            CURSORS[cid] = cur
        return {'cursor': {'firstBatch': first, 'id': Int64(cid), 'ns': ns}}

    def c_find(self, c, db, v):
        docs = self.coll(db, v).find(c.get('filter', {}), c.get('sort'))
        docs = docs[c.get('skip', 0):]
        if c.get('limit'): docs = docs[:abs(c['limit'])]
        if c.get('projection'): docs = [project(d, c['projection']) for d in docs]
        return self.open(f'{db}.{v}', docs, c.get('batchSize', 101), c.get('singleBatch'))

    def c_getmore(self, c, db, v):
        cur = CURSORS.get(v)
        if cur is None: raise Bad(43, 'CursorNotFound', f'cursor id {v} not found')
        out = self.batch(cur, c.get('batchSize') or None, 'nextBatch')
        done = cur[2] >= len(cur[1])
        if done: CURSORS.pop(v, None)
        return {'cursor': {'nextBatch': out, 'id': Int64(0 if done else v), 'ns': cur[0]}}

    def c_killcursors(self, c, db, v):
        killed = [i for i in c['cursors'] if CURSORS.pop(i, None)]
        return {'cursorsKilled': killed, 'cursorsNotFound': [], 'cursorsAlive': [], 'cursorsUnknown': []}

    def c_count(self, c, db, v): return {'n': len(self.coll(db, v).find(c.get('query', {})))}
    def c_distinct(self, c, db, v):
        out = []
        for d in self.coll(db, v).find(c.get('query', {})):
            for x in get(d, c['key']):
                if x not in out: out.append(x)
        return {'values': out}

    def c_aggregate(self, c, db, v):
        docs = self.coll(db, v).find({})
        for st in c['pipeline']:
            op, a = next(iter(st.items()))
            if op == '$match': docs = [d for d in docs if match(d, a)]
            elif op == '$sort':
                for k, way in reversed(list(a.items())): docs.sort(key=lambda d: order((get(d, k) or [None])[0]), reverse=way < 0)
            elif op == '$limit': docs = docs[:a]
            elif op == '$skip': docs = docs[a:]
            elif op == '$project': docs = [project(d, a) for d in docs]
            elif op == '$group' and set(a) <= {'_id', 'n', 'count', 'total'}:
                g = {}
                for d in docs:
                    k = (get(d, a['_id'][1:]) or [None])[0] if isinstance(a['_id'], str) and a['_id'].startswith('$') else a['_id']
                    r = g.setdefault(Collection.key(k), {'_id': k})
                    for f, e in a.items():
                        if f == '_id': continue
                        x = e['$sum']
                        r[f] = r.get(f, 0) + ((get(d, x[1:]) or [0])[0] if isinstance(x, str) else x)
                docs = list(g.values())
            elif op == '$count': docs = [{a: len(docs)}] if docs else []
            else: raise Bad(40324, 'Location40324', f"Unrecognized pipeline stage name: '{op}' (stand-in)")
        return self.open(f'{db}.{v}', docs, (c.get('cursor') or {}).get('batchSize', 101), False)

    # --- indexes, collections ---------------------------------------------
    def c_createindexes(self, c, db, v):
        new = (db, v) not in DBS
        col = self.coll(db, v, True)
        before = len(col.indexes)
        for i in c['indexes']: col.index(i)
        return {'numIndexesBefore': before, 'numIndexesAfter': len(col.indexes), 'createdCollectionAutomatically': new}

    def c_listindexes(self, c, db, v):
        if (db, v) not in DBS: raise Bad(26, 'NamespaceNotFound', f'ns does not exist: {db}.{v}')
        return self.open(f'{db}.{v}', self.coll(db, v).indexes, None, False)

    def c_create(self, c, db, v):
        if (db, v) in DBS: raise Bad(48, 'NamespaceExists', f'Collection {db}.{v} already exists.')
        self.coll(db, v, True); return {}

    def c_drop(self, c, db, v): return {'ns': f'{db}.{v}'} if DBS.pop((db, v), None) else {}
    def c_dropdatabase(self, c, db, v):
        for k in [k for k in DBS if k[0] == db]: del DBS[k]
        return {'dropped': db}
    def c_listcollections(self, c, db, v):
        docs = [{'name': n, 'type': 'collection', 'options': {}, 'info': {'readOnly': False}} for d, n in DBS if d == db]
        return self.open(f'{db}.$cmd.listCollections', [d for d in docs if match(d, c.get('filter') or {})], None, False)
    def c_listdatabases(self, c, db, v): return {'databases': [{'name': n, 'sizeOnDisk': 1, 'empty': False} for n in sorted({k[0] for k in DBS})], 'totalSize': 1}
    def c_collstats(self, c, db, v): return {'ns': f'{db}.{v}', 'count': len(self.coll(db, v).docs), 'size': 0}
    def c_dbstats(self, c, db, v): return {'db': db, 'dataSize': 0.0, 'fsTotalSize': 0.0, 'fsUsedSize': 0.0}


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == '__main__':
    a = argparse.ArgumentParser()
    a.add_argument('--port', type=int, required=True)
    a.add_argument('--user')
    a.add_argument('--password-file')
    a.add_argument('--certificate')
    CONF = a.parse_args()
    CONF.password = open(CONF.password_file).readline().rstrip('\n') if CONF.password_file else None
    with Server(('127.0.0.1', CONF.port), Conn) as s:
        print('stand-in listening on', CONF.port, flush=True)
        s.serve_forever()
