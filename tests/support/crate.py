"""Reads the metadata of a crate as other programs do, knowing RO-Crate 1.1 and nothing of ggdm.
    crate.py DIR STATUS    its CreateAction has that status ("Completed", "Active", "Failed")
Whatever is not as it should be ends it with an AssertionError."""
import datetime, hashlib, json, os, sys

root, status = sys.argv[1:]
document = json.load(open(os.path.join(root, 'ro-crate-metadata.json')))
assert document['@context'][0] == 'https://w3id.org/ro/crate/1.1/context'
graph = document['@graph']
entities = {e['@id']: e for e in graph}
assert len(entities) == len(graph), 'an @id twice'


def values(entity, key):
    v = entity.get(key, [])
    return v if isinstance(v, list) else [v]


def refs(entity, key):
    assert not isinstance(entity.get(key), list) or len(entity[key]) > 1, (entity['@id'], key)  # compacted
    return [v['@id'] for v in values(entity, key)]


# Flat, named, and every reference leads to an entity, but for words of schema.org.
for e in graph:
    assert e['@type'] and e['name'], e
    for key in e:
        for v in values(e, key):
            if isinstance(v, dict):
                assert list(v) == ['@id'], (e['@id'], key)
                assert v['@id'] in entities or v['@id'].startswith('http://schema.org/'), v
referred = {v['@id'] for e in graph for key in e for v in values(e, key) if isinstance(v, dict)}
assert set(entities) - referred == {'ro-crate-metadata.json'}, set(entities) - referred

# What the specification demands.
descriptor = entities['ro-crate-metadata.json']
assert descriptor['@type'] == 'CreativeWork' and refs(descriptor, 'about') == ['./']
assert refs(descriptor, 'conformsTo') == ['https://w3id.org/ro/crate/1.1']
top = entities['./']
assert top['@type'] == 'Dataset' and all(top[k] for k in ('name', 'description', 'license'))
datetime.date.fromisoformat(top['datePublished'][:10])

# ... and the profile Process Run Crate.
assert refs(top, 'conformsTo') == ['https://w3id.org/ro/wfrun/process/0.5']
action = entities[refs(top, 'mentions')[0]]
assert action['@type'] == 'CreateAction' and action['startTime'] <= action['endTime']
program = entities[refs(action, 'instrument')[0]]
assert program['@type'] == 'SoftwareApplication' and program['softwareVersion']
assert 'sweep.yaml' in refs(action, 'object') and 'ggdm.db' in refs(action, 'result')
assert refs(action, 'actionStatus') == ['http://schema.org/%sActionStatus' % status]

# Files and folders: all of those that are there, and no others, reached from the top by hasPart.
reached, ahead = set(), ['./']
while ahead:
    for part in refs(entities[ahead.pop()], 'hasPart'):
        assert part not in reached
        reached.add(part)
        if part.endswith('/'):
            assert entities[part]['@type'] == 'Dataset' and os.path.isdir(os.path.join(root, part))
            ahead.append(part)
there = set()
for folder, folders, files in os.walk(root):
    for name in folders + files:
        path = os.path.relpath(os.path.join(folder, name), root)
        there.add(path + '/' * (name in folders))
assert there - {'ro-crate-metadata.json'} == reached, there ^ reached
for path in reached:
    if not path.endswith('/'):
        e, data = entities[path], open(os.path.join(root, path), 'rb').read()
        assert e['@type'] == 'File' and e['description'] and int(e['contentSize']) == len(data), path
        assert e['sha256'] == hashlib.sha256(data).hexdigest(), path
        assert e['encodingFormat'] != 'application/octet-stream', path
