using GlanceGateway.Abstractions;

namespace GlanceGateway.Plugins.Rbd;

/// <summary>The checked options of a store. Holds no secret: the key lies in the keyring that the options or ceph.conf name.</summary>
internal sealed class RbdSettings
{
    private static readonly TimeSpan grace = TimeSpan.FromSeconds(5);

    public required string Pool { get; init; }

    /// <summary>The part after <c>client.</c>; null for the libraries' default, admin.</summary>
    public string? User { get; init; }

    /// <summary>Null for the libraries' search: /etc/ceph/ceph.conf and others.</summary>
    public string? CephConf { get; init; }

    /// <summary>Null for what ceph.conf says.</summary>
    public string? Keyring { get; init; }

    /// <summary>Bytes of an object, a power of two.</summary>
    public required long ChunkSize { get; init; }

    /// <summary>Whether runs of zeros stay holes.</summary>
    public required bool Thin { get; init; }

    public required int WritesInFlight { get; init; }

    public required int ReadsInFlight { get; init; }

    public required TimeSpan ConnectTimeout { get; init; }

    public required TimeSpan OperationTimeout { get; init; }

    /// <summary>
    /// How long a call of the libraries may give no sign before it is abandoned: the request that ran out of time, another one by which librbd undoes
    /// what it began, and what a busy machine adds.
    /// </summary>
    public TimeSpan LongestSilence => (OperationTimeout * 2) + grace;

    /// <summary>The same for connecting.</summary>
    public TimeSpan LongestConnect => ConnectTimeout + OperationTimeout + grace;

    /// <summary>Bytes of one write, a power of two.</summary>
    public int WriteSize => (int)Math.Min(ChunkSize, 4 * 1024 * 1024);

    /// <summary>What can be set.</summary>
    public static IReadOnlyList<OptionDescriptor> Options { get; } =
    [
        new("pool", OptionType.Text, "The pool that holds the images; it must exist.", Default: "images"),
        new("user", OptionType.Text, "The cephx user without 'client.'; by default admin."),
        new("ceph_conf", OptionType.Path, "The cluster's ceph.conf; by default where Ceph's libraries look for it, as /etc/ceph/ceph.conf."),
        new("keyring", OptionType.Path, "The file with the user's key; by default what ceph.conf says, as /etc/ceph/ceph.client.USER.keyring."),
        new("chunk_size", OptionType.Size, "Bytes of the objects that new images are made of, a power of two from 64KiB to 128MiB.", Default: 8L * 1024 * 1024),
        new("thin_provisioning", OptionType.Flag, "Whether runs of zeros are left out and take no room.", Default: true),
        new("writes_in_flight", OptionType.Number, "Writes of up to 4MiB that one upload has under way, 1 to 64.", Default: 4L),
        new("reads_in_flight", OptionType.Number, "Reads of 2MiB that one download has under way, 1 to 64.", Default: 4L),
        new("connect_timeout", OptionType.Duration, "How long connecting to the monitors may take.", Default: TimeSpan.FromSeconds(15)),
        new("operation_timeout", OptionType.Duration, "How long the cluster may take to answer one request.", Default: TimeSpan.FromSeconds(60)),
    ];

    /// <summary>Reads and checks the options.</summary>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/>, naming the option.</exception>
    public static RbdSettings Read(DriverOptions options)
    {
        var pool = options.Get<string>("pool");
        if (pool.Length == 0 || pool.Any(c => c is '/' or '@' || !char.IsAscii(c) || char.IsControl(c)))
            throw Wrong($"pool '{pool}' is not a pool's name.");
        options.TryGet<string>("user", out var user);
        if (user is not null && (user.Length == 0 || user.StartsWith("client.", StringComparison.Ordinal)))
            throw Wrong($"user '{user}' must be the name after 'client.'.");
        options.TryGet<string>("ceph_conf", out var conf);
        if (conf is not null && !File.Exists(conf))
            throw Wrong($"ceph_conf '{conf}' does not exist or may not be read.");
        options.TryGet<string>("keyring", out var keyring);
        if (keyring is not null && !File.Exists(keyring))
            throw Wrong($"keyring '{keyring}' does not exist or may not be read.");
        var chunk = options.Get<long>("chunk_size");
        if (!long.IsPow2(chunk) || chunk is < 64 * 1024 or > 128 * 1024 * 1024)
            throw Wrong($"chunk_size is {chunk} bytes; it must be a power of two from 64KiB to 128MiB.");
        return new RbdSettings
        {
            Pool = pool,
            User = user,
            CephConf = conf,
            Keyring = keyring,
            ChunkSize = chunk,
            Thin = options.Get<bool>("thin_provisioning"),
            WritesInFlight = (int)Number(options, "writes_in_flight", 1, 64),
            ReadsInFlight = (int)Number(options, "reads_in_flight", 1, 64),
            ConnectTimeout = Time(options, "connect_timeout"),
            OperationTimeout = Time(options, "operation_timeout"),
        };
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
