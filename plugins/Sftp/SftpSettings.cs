using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>The checked options of a store. Holds secrets: never printed.</summary>
internal sealed class SftpSettings
{
    public required string Host { get; init; }

    public required int Port { get; init; }

    public required string User { get; init; }

    public string? Password { get; init; }

    public string? PrivateKeyFile { get; init; }

    public string? PrivateKeyPassphrase { get; init; }

    public string? KnownHostsFile { get; init; }

    public string? HostKeyFingerprint { get; init; }

    /// <summary>As configured, without a slash at the end: the form that locations carry.</summary>
    public required string Directory { get; init; }

    public required int Connections { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    /// <summary>Bytes of data in one request; null for what the server says it takes.</summary>
    public required int? RequestSize { get; init; }

    public required int RequestsInFlight { get; init; }

    /// <summary>Host and port as people write them.</summary>
    public string Server => $"{(Host.Contains(':') ? $"[{Host}]" : Host)}{(Port == 22 ? "" : $":{Port}")}";

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("host", OptionType.Text, "The SSH server's name or address.", Required: true),
        new("port", OptionType.Number, "Its port.", Default: 22L),
        new("user", OptionType.Text, "The account to log in with.", Required: true),
        new("password", OptionType.Text, "Its password.", Secret: true),
        new("password_file", OptionType.Path, "A file with the password in its first line, instead of password."),
        new("private_key_file", OptionType.Path, "A private key in OpenSSH or PEM form; tried before the password."),
        new("private_key_passphrase", OptionType.Text, "The passphrase of the private key.", Secret: true),
        new("known_hosts_file", OptionType.Path, "The server's keys in OpenSSH's known_hosts form. This or host_key_fingerprint is required."),
        new("host_key_fingerprint", OptionType.Text, "The server's key as SHA256:…, as ssh-keygen -l prints it."),
        new("directory", OptionType.Text, "Absolute path on the server of the directory that holds the images; made when its parent exists.", Required: true),
        new("connections", OptionType.Number, "Connections at most, 1 to 64; transfers beyond that share them.", Default: 4L),
        new("connect_timeout", OptionType.Duration, "How long connecting and logging in may take.", Default: TimeSpan.FromSeconds(15)),
        new("operation_timeout", OptionType.Duration, "How long the server may be silent while it owes an answer.", Default: TimeSpan.FromSeconds(30)),
        new("request_size", OptionType.Size, "Bytes in one read or write request, 4KiB to 128KiB; by default what the server says it takes."),
        new("requests_in_flight", OptionType.Number, "Requests that one transfer has under way, 1 to 256; more for distant servers.", Default: 32L),
    ];

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static SftpSettings Read(DriverOptions options)
    {
        var host = options.Get<string>("host").Trim('[', ']');
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown)
            throw Wrong($"host '{host}' is neither a name nor an address.");
        var user = options.Get<string>("user");
        if (user.Length == 0)
            throw Wrong("user is empty.");

        options.TryGet<string>("password", out var password);
        if (options.TryGet<string>("password_file", out var passwordFile))
        {
            if (password is not null)
                throw Wrong("password and password_file are both set; keep one.");
            password = FirstLine(passwordFile);
        }

        options.TryGet<string>("private_key_file", out var key);
        if (password is null && key is null)
            throw Wrong("there is nothing to log in with; set private_key_file, password or password_file.");

        options.TryGet<string>("known_hosts_file", out var knownHosts);
        options.TryGet<string>("host_key_fingerprint", out var fingerprint);
        if (knownHosts is null == fingerprint is null)
        {
            throw Wrong(
                "the server's key must be known, or anybody could pose as the server: set one of known_hosts_file (ssh-keyscan makes one; compare it "
                + "with the server's) and host_key_fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the server prints it).");
        }

        options.TryGet<string>("private_key_passphrase", out var passphrase);
        return new SftpSettings
        {
            Host = host,
            Port = (int)Number(options, "port", 1, 65_535),
            User = user,
            Password = password,
            PrivateKeyFile = key,
            PrivateKeyPassphrase = passphrase,
            KnownHostsFile = knownHosts,
            HostKeyFingerprint = fingerprint is null ? null : Fingerprint(fingerprint),
            Directory = RemoteDirectory(options.Get<string>("directory")),
            Connections = (int)Number(options, "connections", 1, 64),
            ConnectTimeout = Time(options, "connect_timeout"),
            OperationTimeout = Time(options, "operation_timeout"),
            RequestSize = options.TryGet<long>("request_size", out _) ? (int)Number(options, "request_size", 4096, 128 * 1024) : null,
            RequestsInFlight = (int)Number(options, "requests_in_flight", 1, 256),
        };
    }

    private static string RemoteDirectory(string path)
    {
        var directory = path.TrimEnd('/');
        if (directory.Length == 0 || directory[0] != '/')
            throw Wrong($"directory '{path}' must be an absolute path on the server other than its root.");
        if (directory.Split('/').Skip(1).Any(part => part is "" or "." or ".."))
            throw Wrong($"directory '{path}' must not hold //, . or .. as a part.");
        if (directory.AsSpan().ContainsAny('?', '#') || directory.Any(char.IsControl))
            throw Wrong($"directory '{path}' holds ?, # or a control character, which a location cannot carry; choose another path.");
        return directory;
    }

    private static string Fingerprint(string text)
    {
        const string Prefix = "SHA256:";
        var digest = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..].TrimEnd('=') : "";
        return digest.Length == 43 ? digest : throw Wrong($"host_key_fingerprint '{text}' is not of the form SHA256:<43 characters>, as ssh-keygen -l prints it.");
    }

    private static string FirstLine(string path)
    {
        try
        {
            return File.ReadLines(path).FirstOrDefault() is { Length: > 0 } line ? line : throw Wrong($"password_file '{path}' is empty.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Wrong($"password_file cannot be read: {exception.Message}");
        }
    }

    private static long Number(DriverOptions options, string name, long least, long most)
    {
        var value = options.Get<long>(name);
        return value >= least && value <= most ? value : throw Wrong($"{name} is {value}; it must be from {least} to {most}.");
    }

    private static TimeSpan Time(DriverOptions options, string name)
    {
        var value = options.Get<TimeSpan>(name);
        return value > TimeSpan.Zero && value < TimeSpan.FromHours(24) ? value : throw Wrong($"{name} must be more than nothing and less than a day.");
    }

    private static StoreException Wrong(string message) => new(StoreError.Misconfigured, message);
}
