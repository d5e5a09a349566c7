using System.Reflection;
using System.Runtime.CompilerServices;
using GlanceGateway.Abstractions;
using Renci.SshNet;

namespace GlanceGateway.Plugins.Sftp;

/// <summary>
/// The bytes of one <c>sftp</c> subsystem on an SSH.NET connection.
/// <para>
/// SSH.NET does the transport: key exchange, ciphers, authentication, channels. Its own SFTP client is not used, because it has neither
/// <c>fsync@openssh.com</c> nor (publicly) <c>hardlink@openssh.com</c>, without which a commit is neither durable nor free of the risk of
/// replacing an image, and because it cannot have many writes of one file in flight at an offset: sixteen of its streams on one file cost 9
/// seconds of CPU per GiB, against 2.7 for its plain upload, which cannot leave holes, and 3.3 for
/// the requests here, which can (the same cipher in all three). The channel under it is not public, so this file, and
/// only this one, names members of SSH.NET that are not. The package's version is pinned and its assembly is private to this plugin, and the
/// first connection of every test would fail if one of the names were gone.
/// </para>
/// </summary>
internal sealed class SshChannel : IDisposable
{
    private const BindingFlags Anything = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    private readonly IDisposable channel;
    private readonly Action<byte[], int, int> send;

    private SshChannel(IDisposable channel, Action<byte[], int, int> send)
    {
        this.channel = channel;
        this.send = send;
    }

    /// <summary>Opens the subsystem. Blocks for two round trips.</summary>
    /// <param name="client">Connected; stays the caller's and must outlive the channel.</param>
    /// <param name="received">Gets the bytes in order, on the thread that reads the connection; they are gone when it returns.</param>
    /// <param name="closed">Called when the server closes the channel.</param>
    /// <exception cref="StoreException"><see cref="StoreError.Misconfigured"/> when the server has no SFTP.</exception>
    public static SshChannel Open(BaseClient client, Action<ReadOnlySpan<byte>> received, Action closed)
    {
        var session = Property(typeof(BaseClient), "Session").GetValue(client)
            ?? throw new StoreException(StoreError.Unavailable, "The SSH connection was closed while it was being set up.");
        var channel = (IDisposable)Call(Contract("Renci.SshNet.ISession"), "CreateChannelSession", session)!;
        try
        {
            var plain = Contract("Renci.SshNet.Channels.IChannel");
            var mine = Contract("Renci.SshNet.Channels.IChannelSession");
            var receiver = new Receiver(received, closed);
            Listen(plain, "DataReceived", channel, receiver, nameof(Receiver.OnData));
            Listen(plain, "Closed", channel, receiver, nameof(Receiver.OnClosed));
            Call(mine, "Open", channel);
            if (!(bool)Call(mine, "SendSubsystemRequest", channel, "sftp")!)
                throw new StoreException(StoreError.Misconfigured, "The SSH server refuses the 'sftp' subsystem; allow SFTP for this user.");
            var send = plain.GetMethod("SendData", [typeof(byte[]), typeof(int), typeof(int)])!.CreateDelegate<Action<byte[], int, int>>(channel);
            return new SshChannel(channel, send);
        }
        catch
        {
            channel.Dispose();
            throw;
        }
    }

    /// <summary>Sends bytes; blocks while the server's window or the socket is full. One caller at a time.</summary>
    public void Send(byte[] buffer, int count) => send(buffer, 0, count);

    public void Dispose() => channel.Dispose();

    private static Type Contract(string name) => typeof(BaseClient).Assembly.GetType(name, throwOnError: true)!;

    private static PropertyInfo Property(Type type, string name) => type.GetProperty(name, Anything)!;

    private static void Listen(Type type, string name, object source, Receiver receiver, string method)
    {
        // The handler takes the base type EventArgs, which a delegate of any event's type may be bound to.
        var happening = type.GetEvent(name, Anything)!;
        happening.AddEventHandler(source, Delegate.CreateDelegate(happening.EventHandlerType!, receiver, typeof(Receiver).GetMethod(method)!));
    }

    private static object? Call(Type type, string name, object target, params object[] arguments) =>
        type.GetMethod(name, Anything, [.. arguments.Select(argument => argument.GetType())])!
            .Invoke(target, BindingFlags.DoNotWrapExceptions, binder: null, arguments, culture: null);

    private sealed class Receiver(Action<ReadOnlySpan<byte>> received, Action closed)
    {
        public void OnData(object? sender, EventArgs happening) => received(DataOf(happening));

        public void OnClosed(object? sender, EventArgs happening) => closed();

        [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_Data")]
        private static extern ArraySegment<byte> DataOf([UnsafeAccessorType("Renci.SshNet.Common.ChannelDataEventArgs, Renci.SshNet")] object happening);
    }
}
