using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GlanceGateway.Abstractions;
using MongoDB.Driver;

namespace GlanceGateway.Plugins.GridFs;

/// <summary>The checked options of a store. Holds secrets: never printed.</summary>
internal sealed class GridFsSettings
{
    public required MongoClientSettings Client { get; init; }

    public required string Database { get; init; }

    public required string Bucket { get; init; }

    public required int ChunkSize { get; init; }

    public required int RequestsInFlight { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    /// <summary>The servers as people write them.</summary>
    public string Servers => string.Join(", ", Client.Servers);

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("uri", OptionType.Text, "The servers: a mongodb:// or mongodb+srv:// URI without credentials, or host[:port] separated by commas.", Required: true),
        new("database", OptionType.Text, "The database; by default the one that the URI names."),
        new("bucket", OptionType.Text, "The GridFS bucket: the first part of the collections' names.", Default: "fs"),
        new("username", OptionType.Text, "The user to log in as."),
        new("password", OptionType.Text, "Its password.", Secret: true),
        new("password_file", OptionType.Path, "A file with the password in its first line, instead of password."),
        new("auth_database", OptionType.Text, "The database that knows the user.", Default: "admin"),
        new("tls", OptionType.Flag, "Whether to encrypt; by default as the URI says. Certificates are always verified.", Default: false),
        new("ca_file", OptionType.Path, "Certificates in PEM form to trust instead of the system's; turns TLS on."),
        new("client_certificate_file", OptionType.Path, "A certificate and its key in PEM form to show to the server; turns TLS on."),
        new("chunk_size", OptionType.Size, "Bytes of a chunk, a power of two from 64KiB to 8MiB; images that others wrote keep theirs.", Default: 1024L * 1024),
        new("requests_in_flight", OptionType.Number, "Requests of up to 4MiB that one transfer has under way, 1 to 64.", Default: 4L),
        new("connections", OptionType.Number, "Connections to a server at most, 1 to 500.", Default: 32L),
        new("connect_timeout", OptionType.Duration, "How long finding and connecting to a server may take.", Default: TimeSpan.FromSeconds(10)),
        new("operation_timeout", OptionType.Duration, "How long the server may be silent while it owes an answer.", Default: TimeSpan.FromSeconds(45)),
    ];

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option; never with its text where that may be a secret.</exception>
    public static GridFsSettings Read(DriverOptions options)
    {
        var url = Url(options.Get<string>("uri"));
        var client = MongoClientSettings.FromUrl(url);
        if (client.AllowInsecureTls)
            throw Wrong("uri switches the verification of certificates off; name the authority in ca_file instead.");
        if (Credential(options) is { } credential)
            client.Credential = credential;
        SetTls(client, options);
        client.ConnectTimeout = client.ServerSelectionTimeout = Time(options, "connect_timeout");
        client.SocketTimeout = client.WaitQueueTimeout = Time(options, "operation_timeout");
        client.MaxConnectionPoolSize = (int)Number(options, "connections", 1, 500);
        client.WriteConcern = WriteConcern.WMajority;
        client.ReadPreference = ReadPreference.Primary;
        client.ApplicationName = "glance-gateway";

        var chunkSize = (int)Number(options, "chunk_size", 64 * 1024, 8 * 1024 * 1024);
        if (!int.IsPow2(chunkSize))
            throw Wrong($"chunk_size is {chunkSize}; it must be a power of two.");
        return new GridFsSettings
        {
            Client = client,
            Database = (options.TryGet<string>("database", out var database) ? database : url.DatabaseName) is { Length: > 0 } name
                ? name
                : throw Wrong("there is no database; set database, or name it at the end of uri."),
            Bucket = options.Get<string>("bucket") is { Length: > 0 } bucket && !bucket.Contains('$') ? bucket : throw Wrong("bucket must be a plain name."),
            ChunkSize = chunkSize,
            RequestsInFlight = (int)Number(options, "requests_in_flight", 1, 64),
            OperationTimeout = client.SocketTimeout,
        };
    }

    private static MongoUrl Url(string text)
    {
        MongoUrl url;
        try
        {
            url = new MongoUrl(text.Contains("://", StringComparison.Ordinal) ? text : $"mongodb://{text}/");
        }
        catch (Exception exception)
        {
            // Without the parser's text: it may quote a password.
            throw Wrong($"uri is not a mongodb:// or mongodb+srv:// URI ({exception.GetType().Name}).");
        }

        return url.Username is null && url.Password is null
            ? url
            : throw Wrong("uri must not hold credentials, because URIs are printed and logged; set username and password_file.");
    }

    private static MongoCredential? Credential(DriverOptions options)
    {
        options.TryGet<string>("username", out var user);
        options.TryGet<string>("password", out var password);
        if (options.TryGet<string>("password_file", out var file))
        {
            if (password is not null)
                throw Wrong("password and password_file are both set; keep one.");
            password = FirstLine(file);
        }

        return (user, password) switch
        {
            (null, null) => null,
            (null, _) => throw Wrong("there is a password but no username."),
            (_, null) => throw Wrong("there is a username but no password; set password_file."),
            _ => MongoCredential.CreateCredential(options.Get<string>("auth_database"), user, password),
        };
    }

    private static void SetTls(MongoClientSettings client, DriverOptions options)
    {
        var hasAuthority = options.TryGet<string>("ca_file", out var authorityFile);
        var hasCertificate = options.TryGet<string>("client_certificate_file", out var certificateFile);
        if (!options.Get<bool>("tls") && !hasAuthority && !hasCertificate)
            return;
        client.UseTls = true;
        client.SslSettings = new SslSettings { CheckCertificateRevocation = false };
        try
        {
            if (hasCertificate)
                client.SslSettings.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificateFile!)];
            if (!hasAuthority)
                return;
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(authorityFile!);
            if (trusted.Count == 0)
                throw Wrong($"ca_file '{authorityFile}' holds no certificate.");
            client.SslSettings.ServerCertificateValidationCallback = (_, shown, chain, errors) => TlsTrust.Accepts(trusted, shown, chain, errors);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Wrong($"{(hasCertificate ? "client_certificate_file or " : "")}ca_file cannot be used: {exception.Message}");
        }
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
