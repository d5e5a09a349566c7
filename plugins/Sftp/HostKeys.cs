using System.Diagnostics.CodeAnalysis;
using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// The keys by which one server is known: a fingerprint, or the lines of a known_hosts file as sshd(8) describes them, with plain, wildcard
/// and hashed names, <c>[host]:port</c> and <c>@revoked</c>. Lines of <c>@cert-authority</c> are passed over: host certificates are not
/// supported, and nothing becomes trusted by ignoring one.
/// </summary>
internal sealed class HostKeys
{
    private readonly List<(string Type, byte[] Key)> known = [];
    private readonly List<byte[]> revoked = [];
    private readonly string server;
    private readonly string source;
    private readonly string? fingerprint;

    private HostKeys(string server, string source, string? fingerprint)
    {
        this.server = server;
        this.source = source;
        this.fingerprint = fingerprint;
    }

    /// <summary>The key types in the file, to ask the server for one of them; empty when only a fingerprint is known.</summary>
    public IEnumerable<string> Types => known.Select(entry => entry.Type).Distinct();

    /// <summary>Reads what the settings name; the file is read anew for every connection, so that a changed key needs no restart.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the file cannot be read or does not know the server.</exception>
    public static HostKeys Of(SftpSettings settings)
    {
        if (settings.HostKeyFingerprint is { } fingerprint)
            return new HostKeys(settings.Server, "host_key_fingerprint", fingerprint);

        var path = settings.KnownHostsFile!;
        var keys = new HostKeys(settings.Server, path, fingerprint: null);
        var name = settings.Port == 22 ? settings.Host : $"[{settings.Host}]:{settings.Port}";
        try
        {
            foreach (var line in File.ReadLines(path))
                keys.Read(line, name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreError.Misconfigured, $"known_hosts_file cannot be read: {exception.Message}");
        }

        return keys.known.Count > 0 || keys.revoked.Count > 0
            ? keys
            : throw new StoreException(
                StoreError.Misconfigured,
                $"'{path}' holds no key of {name}. Get it with 'ssh-keyscan -p {settings.Port} {settings.Host}', compare it with the server's own, and add the line.");
    }

    /// <summary>Whether the server may be trusted.</summary>
    /// <param name="type">The key's algorithm.</param>
    /// <param name="key">The key as the server sent it.</param>
    /// <param name="refusal">Why not, and what to do about it.</param>
    public bool Accepts(string type, byte[] key, [NotNullWhen(false)] out string? refusal)
    {
        var shown = Convert.ToBase64String(SHA256.HashData(key)).TrimEnd('=');
        refusal = null;
        if (revoked.Any(bad => bad.AsSpan().SequenceEqual(key)))
        {
            refusal = $"The key of {server} (SHA256:{shown}) is marked @revoked in '{source}'. Do not connect; give the server a new key.";
            return false;
        }

        var trusted = fingerprint is not null
            ? string.Equals(fingerprint, shown, StringComparison.Ordinal)
            : known.Any(entry => entry.Key.AsSpan().SequenceEqual(key));
        if (!trusted)
        {
            refusal = $"{server} showed a {type} key SHA256:{shown}, which is not the one in {source}. Either somebody poses as the server, or it has a "
                + $"new key: look at the server itself with ssh-keygen -l, and only if it prints this fingerprint correct {source}.";
        }

        return trusted;
    }

    private void Read(string line, string name)
    {
        var fields = line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length == 0 || fields[0][0] == '#')
            return;
        var mark = fields[0][0] == '@' ? fields[0] : null;
        var rest = mark is null ? fields : fields[1..];
        if (rest.Length < 3 || mark is not (null or "@revoked") || !Matches(rest[0], name))
            return;
        var key = new byte[rest[2].Length];
        if (!Convert.TryFromBase64String(rest[2], key, out var length))
            return;
        if (mark is null)
            known.Add((rest[1], key[..length]));
        else
            revoked.Add(key[..length]);
    }

    private static bool Matches(string patterns, string name)
    {
        if (patterns.StartsWith("|1|", StringComparison.Ordinal))
            return MatchesHash(patterns, name);
        var matches = false;
        foreach (var pattern in patterns.Split(','))
        {
            var negated = pattern.StartsWith('!');

            // A backslash escapes in the library's patterns and is nothing in a host's name.
            if (!FileSystemName.MatchesSimpleExpression(pattern.AsSpan(negated ? 1 : 0), name))
                continue;
            if (negated)
                return false;
            matches = true;
        }

        return matches;
    }

    // |1|salt|HMAC-SHA1(salt, name), both in base64. SHA-1 is the format's, and here only hides names.
    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "The known_hosts format prescribes it; it protects nothing here.")]
    private static bool MatchesHash(string pattern, string name)
    {
        var parts = pattern.Split('|');
        if (parts.Length != 4)
            return false;
        try
        {
            return HMACSHA1.HashData(Convert.FromBase64String(parts[2]), Encoding.UTF8.GetBytes(name)).AsSpan().SequenceEqual(Convert.FromBase64String(parts[3]));
        }
        catch (FormatException)
        {
            return false;
        }
    }
}
